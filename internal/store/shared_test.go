package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// sharedEngine returns an engine with a log for a new store.
func sharedEngine(t *testing.T, options fakelog.Options) *fakelog.Engine {
	t.Helper()
	e := fakelog.New(options)
	if _, err := e.Connect().Create(t.Context(), sharedlog.Origin{Log: sharedlog.ID{1}, Store: sharedlog.ID{2}}); err != nil {
		t.Fatal(err)
	}
	return e
}

func openShared(t *testing.T, e *fakelog.Engine, disk vfs.FS, config Shared) *Store {
	t.Helper()
	config.Log = e.Connect()
	s, err := OpenShared(t.Context(), "/store", &Options{FS: disk}, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(); config.Log.Close() })
	return s
}

func mustAppend(t *testing.T, s *Store, tag string) uint64 {
	t.Helper()
	position, err := s.Append(t.Context(), alternating(1, tag), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return position
}

func TestStoresWithASharedLogReadEachOther(t *testing.T) {
	e := sharedEngine(t, fakelog.Options{})
	a, b := openShared(t, e, vfs.NewMem(), Shared{}), openShared(t, e, vfs.NewMem(), Shared{})
	for n := range uint64(20) {
		from, other := a, b
		if n%2 == 0 {
			from, other = b, a
		}
		if position := mustAppend(t, from, "x"); position != n+1 {
			t.Fatalf("append %d has position %d", n+1, position)
		}
		if head, err := other.Head(t.Context()); head != n+1 || err != nil {
			t.Fatalf("after append %d, the other store has the head %d, %v", n+1, head, err)
		}
		_, err := other.Append(t.Context(), alternating(1, "y"), &dcb.AppendCondition{FailIfEventsMatch: tagged("x"), After: n}, nil)
		if refused, ok := errors.AsType[*dcb.Error](err); !ok || refused.ConflictPosition != n+1 {
			t.Fatalf("a condition that fails at position %d: %v", n+1, err)
		}
	}
	MustHaveTimes(t, a)
	MustHaveTimes(t, b)
}

// What a store has when it is closed cleanly, and the shared log, are equal up to the end: there
// is no clean-close record, so the next groups follow.
func TestSharedStoreIsReopened(t *testing.T) {
	e, disk := sharedEngine(t, fakelog.Options{}), vfs.NewMem()
	for n := range uint64(5) {
		s := openShared(t, e, disk, Shared{})
		if position := mustAppend(t, s, "x"); position != n+1 {
			t.Fatalf("append %d has position %d", n+1, position)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, records := e.History(); len(records) != 5 {
		t.Errorf("the shared log has %d records", len(records))
	}
}

// umadb import --follow asks for what comes after a group that no store has, to learn whether the
// server sends groups. A replica does not wait for that group.
func TestReplicaHasNoGroupAfterAllOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openShared(t, sharedEngine(t, fakelog.Options{}), vfs.NewMem(), Shared{})
		mustAppend(t, s, "x")
		began := time.Now()
		for _, err := range s.Groups(t.Context(), eventlog.GroupID{Index: math.MaxUint64}, false) {
			if !errors.Is(err, dcb.ErrIntegrity) {
				t.Errorf("it fails with %v", err)
			}
		}
		if waited := time.Since(began); waited > 0 {
			t.Errorf("it waits for %v", waited)
		}
		s.Close()
	})
}

func TestOpenSharedRefusesAnotherHistory(t *testing.T) {
	e, disk := sharedEngine(t, fakelog.Options{}), vfs.NewMem()
	s := openShared(t, e, disk, Shared{})
	mustAppend(t, s, "x")
	mustAppend(t, s, "x")
	end := s.published.Load().end.Tail
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	own := vfs.NewMem()
	standalone, err := Open("/store", &Options{FS: own})
	if err != nil {
		t.Fatal(err)
	}
	if err := standalone.Close(); err != nil {
		t.Fatal(err)
	}
	create := func(origin sharedlog.Origin) *fakelog.Engine {
		e := fakelog.New(fakelog.Options{})
		if _, err := e.Connect().Create(t.Context(), origin); err != nil {
			t.Fatal(err)
		}
		return e
	}
	log, store := sharedlog.ID{1}, sharedlog.ID{2}
	for name, c := range map[string]struct {
		engine *fakelog.Engine
		disk   *vfs.Mem
		kind   error
		text   string
	}{
		"no log":                       {fakelog.New(fakelog.Options{}), disk, dcb.ErrInvalidArgument, "umadb cluster create"},
		"another log":                  {create(sharedlog.Origin{Log: sharedlog.ID{9}, Store: store}), disk, dcb.ErrInvalidArgument, "belongs to the shared log 01"},
		"the log has lost groups":      {create(sharedlog.Origin{Log: log, Store: store}), disk, dcb.ErrCorruption, "has group 2, and the shared log ends with group 0: the shared log has lost groups, or the directory was a store of its own meanwhile; see umadb cluster repair"},
		"another last group":           {create(sharedlog.Origin{Log: log, Store: store, Point: sharedlog.Point{Index: 2, Chain: 5}}), disk, dcb.ErrCorruption, "is another one than that of the shared log; run umadb cluster verify with --db-path"},
		"another store":                {create(sharedlog.Origin{Log: log, Store: store}), own, dcb.ErrCorruption, "belongs to the store"},
		"groups before the log":        {create(sharedlog.Origin{Log: log, Store: store, Point: sharedlog.Point{Index: 2, Chain: end.Chain}}), vfs.NewMem(), dcb.ErrInvalidArgument, "is new; copy the directory"},
		"the same groups":              {create(sharedlog.Origin{Log: log, Store: store, Point: sharedlog.Point{Index: 2, Chain: end.Chain}}), disk, nil, ""},
		"the groups of the shared log": {e, disk, nil, ""},
	} {
		s, err := OpenShared(t.Context(), "/store", &Options{FS: c.disk}, Shared{Log: c.engine.Connect()})
		if err == nil {
			err = s.Close()
		}
		if !errors.Is(err, c.kind) || err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open("/store", &Options{FS: disk}); !errors.Is(err, dcb.ErrInvalidArgument) || !strings.Contains(err.Error(), "umadb cluster detach") {
		t.Errorf("opening a replica as a store of its own: %v", err)
	}
	if s, err := Open("/store", &Options{FS: disk, ReadOnly: true}); err != nil {
		t.Errorf("opening a replica for reading: %v", err)
	} else if head, err := s.Head(t.Context()); head != 2 || err != nil || s.Close() != nil {
		t.Errorf("a read-only replica has the head %d, %v", head, err)
	}
	// A store that was refused is not marked.
	if s, err := Open("/store", &Options{FS: own}); err != nil {
		t.Errorf("opening a store that was refused: %v", err)
	} else if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A caller can leave while the shared log does not answer. Its error does not claim that nothing
// was written, and the append is decided later.
func TestCallerLeavesWhileTheSharedLogIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		s := openShared(t, e, vfs.NewMem(), Shared{})
		e.SetDown(true)
		for what, call := range map[string]func(context.Context) error{
			"an append": func(ctx context.Context) error {
				_, err := s.Append(ctx, alternating(1, "x"), nil, nil)
				return err
			},
			"a fresh read": func(ctx context.Context) error { _, err := s.Head(ctx); return err },
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			if err := call(ctx); !errors.Is(err, dcb.ErrTransport) {
				t.Errorf("%s: %v", what, err)
			}
			cancel()
		}
		e.SetDown(false)
		time.Sleep(10 * time.Second)
		if head, err := s.Head(t.Context()); head != 1 || err != nil {
			t.Errorf("afterwards, the head is %d, %v", head, err)
		}
		s.Close()
	})
}

func TestLocalReadsDoNotNeedTheSharedLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		s := openShared(t, e, vfs.NewMem(), Shared{LocalReads: true})
		mustAppend(t, s, "x")
		e.SetDown(true)
		since := time.Now()
		if head, err := s.Head(t.Context()); head != 1 || err != nil || time.Since(since) > 0 {
			t.Errorf("the head is %d after %v, %v", head, time.Since(since), err)
		}
		s.Close()
	})
}

// Closing ends a proposal that gets no answer, and its caller learns that the outcome is unknown.
func TestSharedStoreClosesWhileTheSharedLogIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := sharedEngine(t, fakelog.Options{})
		s := openShared(t, e, vfs.NewMem(), Shared{Timeout: 3 * time.Second})
		e.SetDown(true)
		result := make(chan error)
		go func() {
			_, err := s.Append(context.Background(), alternating(1, "x"), nil, nil)
			result <- err
		}()
		synctest.Wait()
		since := time.Now()
		_ = s.Close()
		if took := time.Since(since); took > 6*time.Second {
			t.Errorf("closing took %v", took)
		}
		if err := <-result; !errors.Is(err, dcb.ErrTransport) || !strings.Contains(err.Error(), "may be in the log") {
			t.Errorf("the append: %v", err)
		}
	})
}

// A record that does not continue the history ends appends and fresh reads, and changes nothing.
func TestSharedStoreHaltsAtAForeignRecord(t *testing.T) {
	for name, record := range map[string]func() []byte{
		"no record": func() []byte { return []byte("no record") },
		"no group": func() []byte {
			b, _ := sharedlog.Encode(sharedlog.Envelope{}, []byte(strings.Repeat("no group", 20)))
			return b
		},
		"a newer version": func() []byte {
			b, _ := sharedlog.Encode(sharedlog.Envelope{}, []byte("group"))
			b[4]++
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := sharedEngine(t, fakelog.Options{})
				s := openShared(t, e, vfs.NewMem(), Shared{})
				mustAppend(t, s, "x")
				client := e.Connect()
				last, err := client.Last(t.Context())
				if err == nil {
					err = client.Append(t.Context(), last, 7, record())
				}
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Second)
				_, appendErr := s.Append(t.Context(), alternating(1, "x"), nil, nil)
				_, readErr := s.Head(t.Context())
				for what, err := range map[string]error{"an append": appendErr, "a fresh read": readErr} {
					if failure, ok := errors.AsType[*dcb.Error](err); !ok || failure.Kind == dcb.ErrTransport {
						t.Errorf("%s: %v", what, err)
					}
				}
				if head := s.published.Load().head; head != 1 {
					t.Errorf("the store has the head %d", head)
				}
				if err := s.Close(); err != nil {
					t.Errorf("closing: %v", err)
				}
			})
		})
	}
}

func TestAppendThatNoRecordCanContainIsRefused(t *testing.T) {
	e := sharedEngine(t, fakelog.Options{MaxRecord: 64 << 10})
	s := openShared(t, e, vfs.NewMem(), Shared{})
	for bytes, want := range map[int]error{40 << 10: nil, 80 << 10: dcb.ErrInvalidArgument} {
		event := dcb.Event{Type: "t", Data: make([]byte, bytes)}
		if _, err := s.Append(t.Context(), []dcb.Event{event}, nil, nil); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%d bytes: %v", bytes, err)
		}
	}
	// Those that fit are not proposed in one record that is too large.
	results := make(chan error)
	for n := range 20 {
		go func() {
			event := dcb.Event{Type: "t", Tags: []string{fmt.Sprint(n)}, Data: make([]byte, 30<<10)}
			_, err := s.Append(t.Context(), []dcb.Event{event}, nil, nil)
			results <- err
		}()
	}
	for range 20 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

// The caller of a restore can leave, and change its records, before they are written.
func TestRestoreHasItsOwnTracking(t *testing.T) {
	info := &dcb.TrackingInfo{Source: "s", Position: 1}
	r := new(restore)
	if _, err := r.arrange([]dcb.SequencedEvent{{Position: 1, Tracking: info}, {Tracking: info}, {Position: 2, Tracking: info}, {Position: 3}}, 0); err != nil {
		t.Fatal(err)
	}
	info.Position = 2
	if tracking := r.tracking; tracking[0].Position != 1 || tracking[1] != tracking[0] || tracking[2] != nil {
		t.Errorf("the events have the tracking %v", tracking)
	}
}
