package store

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// limitedLog is a log whose engine has little space.
type limitedLog struct {
	sharedlog.Log
	space   sharedlog.Space
	trimmed func(through uint64) // is called before a trim; may be nil
}

func (l *limitedLog) Space(context.Context) (sharedlog.Space, error) { return l.space, nil }

func (l *limitedLog) Trim(ctx context.Context, through uint64) error {
	if l.trimmed != nil {
		l.trimmed(through)
	}
	return l.Log.Trim(ctx, through)
}

// openLimited opens a store with a limited log, and trims at once what may be trimmed.
func openLimited(t *testing.T, e *fakelog.Engine, disk vfs.FS, config Shared) *Store {
	t.Helper()
	if config.Log == nil {
		config.Log = &limitedLog{Log: e.Connect()}
	}
	if config.trim.interval == 0 {
		config.trim = trimRule{interval: 10 * time.Second}
	}
	s, err := OpenShared(t.Context(), "/store", peerOptions(disk), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(); config.Log.Close() })
	return s
}

// first returns the index of the first record that an engine has, or would have.
func first(t *testing.T, e *fakelog.Engine) uint64 {
	t.Helper()
	log := e.Connect()
	defer log.Close()
	for index := uint64(1); ; index++ {
		if _, err := log.Read(t.Context(), index); err == nil {
			return index
		}
	}
}

// Only groups that two stores have on their disks are trimmed, by the store that has written the
// last one, also if disks are slow, so that a power cut loses what was reported too early.
func TestTrimmedGroupsAreOnTheDisksOfTwoStores(t *testing.T) {
	for seed := range uint64(4) {
		synctest.Test(t, func(t *testing.T) {
			e := sharedEngine(t, fakelog.Options{})
			var mu sync.Mutex
			var stores []*Store
			trims := 0
			durable := func(i int) uint64 { return stores[i].logWriter.Durable().Index }
			peers := newTestPeers(nil)
			for i := range 3 {
				disk := vfs.Observe(vfs.NewMem(), func(op vfs.Op) error {
					if op.Kind == "sync" && strings.HasPrefix(op.Name, "/store/log") {
						time.Sleep(time.Duration(seed) * time.Duration(i) * 3 * time.Second)
					}
					return nil
				})
				log := &limitedLog{Log: e.Connect(), trimmed: func(through uint64) {
					mu.Lock()
					defer mu.Unlock()
					trims++
					copies := 0
					for i := range stores {
						if durable(i) >= through {
							copies++
						}
					}
					if copies < 2 {
						t.Errorf("store %d trims through group %d, which %d stores have on their disks", i, through, copies)
					}
					_, records := e.History()
					last, _, err := sharedlog.Decode(records[len(records)-1].Bytes)
					if err != nil || last.Address != fmt.Sprint(i) {
						t.Errorf("store %d trims, and the last record is of store %s, %v", i, last.Address, err)
					}
				}}
				address := fmt.Sprint(i)
				s := openLimited(t, e, disk, Shared{Log: log, Address: address, Peers: peers})
				stores = append(stores, s)
				peers.set(address, func() *Store { return s })
			}
			chance := rand.New(rand.NewPCG(seed, 1))
			for n := range 1200 {
				mustAppend(t, stores[n/600], "x")
				time.Sleep(time.Duration(chance.IntN(200)) * time.Millisecond)
			}
			if trims < 5 || first(t, e) < 500 {
				t.Errorf("%d trims; the log starts with record %d", trims, first(t, e))
			}
			through := uint64(0)
			for _, s := range stores {
				through = max(through, s.SharedState().Trimmed)
			}
			if through != first(t, e)-1 {
				t.Errorf("stores have trimmed through group %d, and the log starts with record %d", through, first(t, e))
			}
		})
	}
}

// What is trimmed is on the disks: when all lose their power, the stores continue.
func TestPowerCutOfAllAfterATrim(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			e := sharedEngine(t, fakelog.Options{})
			chance := rand.New(rand.NewPCG(seed, 2))
			var disks [2]*vfs.Mem
			var images [2]*vfs.Mem
			var stores []*Store
			cut := make(chan struct{})
			var once sync.Once
			for i := range disks {
				disks[i] = vfs.NewMem()
				log := &limitedLog{Log: e.Connect()}
				log.trimmed = func(through uint64) {
					if through > 100 {
						once.Do(func() {
							for i := range disks {
								images[i] = disks[i].Crash(chance)
							}
							close(cut)
						})
					}
				}
				disk := vfs.Observe(disks[i], func(op vfs.Op) error {
					if op.Kind == "sync" && strings.HasPrefix(op.Name, "/store/log") {
						time.Sleep(4 * time.Second)
					}
					return nil
				})
				stores = append(stores, openLimited(t, e, disk, Shared{Log: log}))
			}
			for trimmed := false; !trimmed; {
				mustAppend(t, stores[0], "x")
				select {
				case <-cut:
					trimmed = true
				case <-time.After(100 * time.Millisecond):
				}
			}
			time.Sleep(time.Second) // the trim ends
			for _, s := range stores {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			for i, image := range images {
				s := openLimited(t, e, image, Shared{})
				mustAppend(t, s, "y")
				if _, err := s.Head(t.Context()); err != nil {
					t.Errorf("store %d: %v", i, err)
				}
			}
		})
	}
}

func TestLogIsNotTrimmed(t *testing.T) {
	for name, c := range map[string]struct {
		stores, copies int
		limited        bool
		want           bool // it is
	}{
		"of one store":                 {1, 0, true, false},
		"of two stores":                {2, 0, true, true},
		"of two stores, three copies":  {2, 3, true, false},
		"of one store, one copy":       {1, 1, true, true},
		"whose engine keeps all of it": {2, 0, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := sharedEngine(t, fakelog.Options{})
				var s *Store
				for range c.stores {
					config := Shared{LogCopies: c.copies}
					if !c.limited {
						config.Log = e.Connect()
					}
					s = openLimited(t, e, vfs.NewMem(), config)
				}
				for range 60 {
					mustAppend(t, s, "x")
					time.Sleep(time.Second)
				}
				if at := first(t, e); (at > 1) != c.want {
					t.Errorf("the log starts with record %d", at)
				}
			})
		})
	}
}

func TestTail(t *testing.T) {
	rule := trimRule{age: time.Hour, bytes: 1000}
	g := growth{}
	step := func(minute int, bytes int64, most int64) uint64 {
		at := time.Duration(minute) * time.Minute
		g.note(extent{uint64(minute), bytes, at})
		return g.before(rule, at, most)
	}
	for minute := range 101 {
		if before := step(minute, 10*int64(minute), 0); before != 0 && minute < 100 {
			t.Fatalf("in minute %d, with fewer bytes than the tail, the boundary is %d", minute, before)
		}
	}
	if before := step(110, 1100, 0); before != 10 { // 1000 bytes are enough, 100 minutes are
		t.Errorf("the boundary is %d, want 10", before)
	}
	if before := step(111, 1_000_000, 0); before != 51 {
		t.Errorf("with many bytes, the boundary is %d, want 51, an hour ago", before)
	}
	if before := step(112, 1_000_500, 600); before != 111 {
		t.Errorf("with little space, the boundary is %d, want 111, 500 bytes ago", before)
	}
	if before := step(113, 1_000_501, 600); before != 111 {
		t.Errorf("the boundary is %d, want still 111", before)
	}
	for minute := range 10_000 {
		step(200+minute, 1_000_501, 0)
	}
	if n := len(g.extents); n > maxExtents {
		t.Errorf("%d extents are remembered", n)
	}
}

// What was there before the store was opened is not cut off for its size, which is unknown.
func TestTailOfAStoreThatWasOpened(t *testing.T) {
	g := growth{}
	for minute := range 3 {
		g.note(extent{5000, 1 << 30, time.Duration(minute) * time.Minute})
		if before := g.before(defaultTrim, time.Duration(minute)*time.Minute, 1000); before != 0 {
			t.Errorf("in minute %d, the boundary is %d", minute, before)
		}
	}
}

func TestHalfFullEngineIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		var output strings.Builder
		log := &limitedLog{Log: e.Connect(), space: sharedlog.Space{Used: 60 << 20, Limit: 100 << 20}}
		s, err := OpenShared(t.Context(), "/store", &Options{FS: vfs.NewMem(), Logger: slog.New(slog.NewTextHandler(&output, nil))}, Shared{Log: log})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		log.Close()
		if n := strings.Count(output.String(), "used_mib=60 limit_mib=100"); n != 1 {
			t.Errorf("the log contains %d warnings: %s", n, output.String())
		}
	})
}
