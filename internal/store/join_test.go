package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// closedReplica returns the disk of a replica with some groups, which is closed.
func closedReplica(t *testing.T, e *fakelog.Engine, groups int) *vfs.Mem {
	t.Helper()
	disk := vfs.NewMem()
	s := openShared(t, e, disk, Shared{})
	for range groups {
		mustAppend(t, s, "x")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return disk
}

// openCutOff opens a store whose client does not reach the engine.
func openCutOff(t *testing.T, e *fakelog.Engine, disk vfs.FS, config Shared) (*Store, *fakelog.Client, error) {
	t.Helper()
	client := e.Connect()
	client.SetDown(true)
	config.Log = client
	s, err := OpenShared(t.Context(), "/store", &Options{FS: disk}, config)
	if err != nil {
		client.Close()
	}
	return s, client, err
}

// A replica opens while the shared log does not answer, and returns what it has. It joins later.
func TestReplicaOpensWithoutTheSharedLog(t *testing.T) {
	for _, local := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			e := sharedEngine(t, fakelog.Options{})
			disk := closedReplica(t, e, 2)
			other := openShared(t, e, vfs.NewMem(), Shared{})
			mustAppend(t, other, "x")
			time.Sleep(sharedlog.ReportTTL) // the report of the replica that was closed expires
			s, client, err := openCutOff(t, e, disk, Shared{LocalReads: local, MaxStaleness: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			if id := s.SharedLog(); id != (sharedlog.ID{1}).String() {
				t.Errorf("without an answer, the shared log is %s", id)
			}
			if head, err := s.Head(t.Context()); local && (head != 2 || err != nil) || !local && !errors.Is(err, dcb.ErrTransport) {
				t.Errorf("local reads %v: the head is %d, %v", local, head, err)
			}
			if _, err := s.Append(t.Context(), alternating(1, "x"), nil, nil); !errors.Is(err, dcb.ErrTransport) {
				t.Errorf("an append: %v", err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			events := 0
			for _, err := range s.Subscribe(ctx, tagged("x"), 0) {
				if err != nil {
					break
				}
				events++
			}
			cancel()
			if events != 2 {
				t.Errorf("a subscription has %d events", events)
			}
			if reports, err := e.Connect().Replicas(t.Context()); err != nil || len(reports) != 1 {
				t.Errorf("%d stores report, %v", len(reports), err)
			}
			asked := make(chan struct{})
			go func() { // as the server does for its health and metrics
				defer close(asked)
				for range maxPause / time.Millisecond {
					_, _ = s.CatchingUp(), s.SharedState()
					time.Sleep(time.Millisecond)
				}
			}()
			client.SetDown(false)
			<-asked
			if position := mustAppend(t, s, "x"); position != 4 {
				t.Errorf("an append afterwards has position %d", position)
			}
			s.Close()
			other.Close()
		})
	}
}

// Without the shared log, nothing shows that a directory is a part of it.
func TestNewReplicaNeedsTheSharedLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		standalone := vfs.NewMem()
		s, err := Open("/store", &Options{FS: standalone})
		if err == nil {
			err = s.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		for name, disk := range map[string]*vfs.Mem{"empty": vfs.NewMem(), "a store": standalone, "no groups": closedReplica(t, e, 0)} {
			s, _, err := openCutOff(t, e, disk, Shared{})
			if !errors.Is(err, dcb.ErrTransport) {
				t.Errorf("%s: %v", name, err)
			}
			if err == nil {
				s.Close()
			}
		}
	})
}

// A shared log that does not continue the store halts it when it answers.
func TestReplicaThatWasOpenedWithoutTheSharedLogComparesItLater(t *testing.T) {
	for name, c := range map[string]struct {
		origin sharedlog.Origin
		want   error
	}{
		"it has lost groups": {sharedlog.Origin{Log: sharedlog.ID{1}, Store: sharedlog.ID{2}}, dcb.ErrCorruption},
		"another end":        {sharedlog.Origin{Log: sharedlog.ID{1}, Store: sharedlog.ID{2}, Point: sharedlog.Point{Index: 2, Chain: 5}}, dcb.ErrCorruption},
		"another store":      {sharedlog.Origin{Log: sharedlog.ID{1}, Store: sharedlog.ID{3}}, dcb.ErrCorruption},
		"another log":        {sharedlog.Origin{Log: sharedlog.ID{9}, Store: sharedlog.ID{2}}, dcb.ErrInvalidArgument},
	} {
		synctest.Test(t, func(t *testing.T) {
			disk := closedReplica(t, sharedEngine(t, fakelog.Options{}), 2)
			e := fakelog.New(fakelog.Options{})
			if _, err := e.Connect().Create(t.Context(), c.origin); err != nil {
				t.Fatal(err)
			}
			s, client, err := openCutOff(t, e, disk, Shared{})
			if err != nil {
				t.Fatal(err)
			}
			client.SetDown(false)
			time.Sleep(maxPause)
			if _, err := s.Append(t.Context(), alternating(1, "x"), nil, nil); !errors.Is(err, c.want) {
				t.Errorf("%s: an append: %v", name, err)
			}
			if _, err := s.Head(t.Context()); !errors.Is(err, c.want) {
				t.Errorf("%s: a fresh read: %v", name, err)
			}
			if _, records := e.History(); len(records) > 0 {
				t.Errorf("%s: the store has proposed %d groups", name, len(records))
			}
			if reports, err := e.Connect().Replicas(t.Context()); err != nil || len(reports) != 0 {
				t.Errorf("%s: %d stores report, %v", name, len(reports), err)
			}
			s.Close()
		})
	}
}

// A halt that ends before another group is in the shared log ends when the store joins: without
// other servers, there would never be one.
func TestHaltBeforeJoiningEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		disk, log := closedReplica(t, e, 1), newSwitchedLog(e)
		log.current.Load().SetDown(true)
		s, err := OpenShared(t.Context(), "/store", &Options{FS: disk}, Shared{Log: log})
		if err != nil {
			t.Fatal(err)
		}
		log.current.Store(fakelog.New(fakelog.Options{}).Connect()) // a database that is being restored
		time.Sleep(2 * maxPause)
		if _, err := s.Append(t.Context(), alternating(1, "x"), nil, nil); !errors.Is(err, dcb.ErrInvalidArgument) {
			t.Errorf("an append without a log: %v", err)
		}
		log.current.Store(e.Connect())
		time.Sleep(2 * maxPause)
		if position := mustAppend(t, s, "x"); position != 2 {
			t.Errorf("an append afterwards has position %d", position)
		}
		s.Close()
	})
}

// An empty directory is marked before it has a log with the identity of the store.
func TestNewReplicaIsMarkedBeforeItHasALog(t *testing.T) {
	e, disk := sharedEngine(t, fakelog.Options{}), vfs.NewMem()
	broken := vfs.Observe(disk, func(op vfs.Op) error {
		if op.Kind == "sync" && strings.Contains(op.Name, "/log/") {
			return syscall.EIO
		}
		return nil
	})
	if _, err := OpenShared(t.Context(), "/store", &Options{FS: broken}, Shared{Log: e.Connect()}); !errors.Is(err, dcb.ErrIO) {
		t.Fatalf("opening on a disk that fails: %v", err)
	}
	if s, err := Open("/store", &Options{FS: disk.Kill()}); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("opening it as a store of its own: %v", err)
		s.Close()
	}
	mustAppend(t, openShared(t, e, disk.Kill(), Shared{}), "x")
}

func TestOpenSharedRefusesACorruptMark(t *testing.T) {
	e := sharedEngine(t, fakelog.Options{})
	disk := closedReplica(t, e, 1)
	f, err := disk.OpenWrite("/store/SHARED")
	if err == nil {
		_, err = f.WriteAt([]byte("x"), 20)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = OpenShared(t.Context(), "/store", &Options{FS: disk}, Shared{Log: e.Connect()})
	if !errors.Is(err, dcb.ErrCorruption) || !strings.Contains(err.Error(), "umadb cluster detach") {
		t.Errorf("opening: %v", err)
	}
}

// The directory of a server that was stopped is copied to another one. Both report.
func TestCopyOfAReplicaReportsAsAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		disk := closedReplica(t, e, 1)
		copied := disk.Kill()
		time.Sleep(sharedlog.ReportTTL)
		reports := func() string {
			reports, err := e.Connect().Replicas(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ids := map[sharedlog.ID]string{}
			for _, r := range reports {
				ids[r.ID] += r.Address
			}
			return fmt.Sprint(len(ids), " ", len(reports))
		}
		var stores []*Store
		for i, disk := range []*vfs.Mem{disk, copied} {
			stores = append(stores, openShared(t, e, disk, Shared{Address: fmt.Sprint(i)}))
			time.Sleep(time.Second)
		}
		if got := reports(); got != "2 2" {
			t.Errorf("stores and reports: %s", got)
		}
		// It keeps the new identity, and one that was restarted keeps its own.
		for _, s := range stores {
			s.Close()
		}
		for i, disk := range []*vfs.Mem{disk, copied} {
			s := openShared(t, e, disk, Shared{Address: fmt.Sprint(i)})
			time.Sleep(time.Second)
			defer s.Close()
		}
		if got := reports(); got != "2 2" {
			t.Errorf("stores and reports after a restart: %s", got)
		}
	})
}

// A shared log starts with a store, whose directory is copied before a server uses it.
func TestCopiesOfAMarkedStoreReportAsTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, e := originOf(t)
		if err := MarkShared("/store", &Options{FS: disk}, sharedlog.ID{1}); err != nil {
			t.Fatal(err)
		}
		if s, err := Open("/store", &Options{FS: disk}); !errors.Is(err, ErrReplica) {
			t.Errorf("opening it as a store of its own: %v", err)
			s.Close()
		}
		copied := disk.Kill()
		a, b := openPeer(t, e, disk, Shared{Address: "a"}), openPeer(t, e, copied, Shared{Address: "b"})
		time.Sleep(time.Second)
		mustAppend(t, a, "x")
		mustAppend(t, b, "x")
		if reports, err := e.Connect().Replicas(t.Context()); err != nil || len(reports) != 2 {
			t.Errorf("reports %+v, %v", reports, err)
		}
	})
}
