package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// faults injects errors into the operations that a rule selects.
type faults struct {
	mu   sync.Mutex
	rule func(vfs.Op) error // guarded by mu
}

func (f *faults) set(rule func(vfs.Op) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rule = rule
}

func (f *faults) before(op vfs.Op) error {
	f.mu.Lock()
	rule := f.rule
	f.mu.Unlock()
	if rule == nil {
		return nil
	}
	return rule(op) // without the lock, since it may wait for long
}

// failOn returns a rule that fails operations of a kind on the files of a directory.
func failOn(kind, dir string, err error) func(vfs.Op) error {
	return func(op vfs.Op) error {
		if op.Kind == kind && strings.HasPrefix(op.Name, filepath.Join(crashDir, dir)) {
			return err
		}
		return nil
	}
}

func newFaultyStore(t *testing.T) (*store.Store, *faults, *vfs.Mem) {
	t.Helper()
	disk, f := vfs.NewMem(), new(faults)
	s, err := store.Open(crashDir, smallOptions(vfs.Observe(disk, f.before)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, f, disk
}

func mustAppend(t *testing.T, s *store.Store, name string, n int) uint64 {
	t.Helper()
	position, err := s.Append(t.Context(), newEvents(name, n), nil, nil)
	if err != nil {
		t.Fatalf("append %s: %v", name, err)
	}
	return position
}

func countEvents(t *testing.T, s *store.Store) int {
	t.Helper()
	events, _, err := s.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect()
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return len(events)
}

func TestFailedSyncOrWriteFailsStore(t *testing.T) {
	for _, kind := range []string{"sync", "write"} {
		t.Run(kind, func(t *testing.T) {
			s, f, disk := newFaultyStore(t)
			mustAppend(t, s, "before", 3)
			f.set(failOn(kind, "log", syscall.EIO))
			if _, err := s.Append(t.Context(), newEvents("lost", 1), nil, nil); !errors.Is(err, dcb.ErrIO) {
				t.Fatalf("append with the fault: %v", err)
			}
			f.set(nil)
			if _, err := s.Append(t.Context(), newEvents("after", 1), nil, nil); !errors.Is(err, dcb.ErrIO) {
				t.Fatalf("append after the fault: %v", err)
			}
			select {
			case <-s.Failed():
			default:
				t.Error("Failed is not closed")
			}
			if n := countEvents(t, s); n != 3 {
				t.Errorf("%d events can be read instead of 3", n)
			}
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			again, err := store.Open(crashDir, smallOptions(disk))
			if err != nil {
				t.Fatalf("opening again: %v", err)
			}
			defer again.Close()
			if n := countEvents(t, again); n != 3 && n != 4 {
				t.Errorf("%d events after opening again, want 3 or 4", n)
			}
			mustAppend(t, again, "again", 1)
		})
	}
}

func TestDeferredResultsFailWithTheirGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f, _ := newFaultyStore(t)
		release := make(chan struct{})
		f.set(func(op vfs.Op) error {
			if op.Kind != "sync" {
				return nil
			}
			<-release
			return syscall.EIO
		})
		var wg sync.WaitGroup
		condition := &dcb.AppendCondition{FailIfEventsMatch: dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"one"}}}}}
		for range 8 {
			wg.Go(func() {
				if _, err := s.Append(context.Background(), newEvents("one", 1), condition, nil); !errors.Is(err, dcb.ErrIO) {
					t.Errorf("append that depends on a failed group: %v", err)
				}
			})
		}
		synctest.Wait() // all are in the group, or depend on it
		close(release)
		wg.Wait()
		if n := countEvents(t, s); n != 0 {
			t.Errorf("%d events can be read", n)
		}
	})
}

func TestAppendFailsWhenDiskIsFull(t *testing.T) {
	s, f, _ := newFaultyStore(t)
	mustAppend(t, s, "before", 1)
	f.set(func(op vfs.Op) error {
		if strings.HasPrefix(op.Name, "/store/log") && (op.Kind == "allocate" || op.Kind == "create") {
			return syscall.ENOSPC
		}
		return nil
	})
	stored, refused := 1, 0
	for refused == 0 && stored < 100 {
		_, err := s.Append(t.Context(), newEvents("some", 2), nil, nil)
		switch {
		case err == nil:
			stored += 2
		case errors.Is(err, dcb.ErrIO) && errors.Is(err, syscall.ENOSPC):
			refused++
		default:
			t.Fatalf("without space: %v", err)
		}
	}
	if refused == 0 {
		t.Fatal("appends never needed space")
	}
	if n := countEvents(t, s); n != stored {
		t.Errorf("%d events can be read instead of %d", n, stored)
	}
	f.set(nil)
	mustAppend(t, s, "after", 2)
	if n := countEvents(t, s); n != stored+2 {
		t.Errorf("%d events can be read instead of %d", n, stored+2)
	}
}

func TestAppendsContinueWhileFewIndexBlocksWait(t *testing.T) {
	s, f, disk := newFaultyStore(t)
	f.set(failOn("sync", "index", syscall.EIO))
	refused := false
	for i := 0; i < 200 && !refused; i++ {
		_, err := s.Append(t.Context(), newEvents(fmt.Sprint(i), 2), nil, nil)
		refused = errors.Is(err, dcb.ErrIO)
		if err != nil && !refused {
			t.Fatal(err)
		}
		if refused && i < 8 {
			t.Fatalf("append %d was refused: %v", i, err)
		}
	}
	if !refused {
		t.Fatal("the index never limited appends")
	}
	f.set(nil)
	mustRecover(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustBeValid(t, "after index faults", disk)
}

// mustRecover appends until an append succeeds. The flusher may need some time to
// notice that it can write again.
func mustRecover(t *testing.T, s *store.Store) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		_, err := s.Append(t.Context(), newEvents("after", 1), nil, nil)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("appends did not recover: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestStoreOpensIfIndexCannotBeWritten(t *testing.T) {
	s, f, disk := newFaultyStore(t)
	f.set(failOn("create", "index", syscall.ENOSPC))
	for i := range 6 {
		mustAppend(t, s, fmt.Sprint(i), 2)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := store.Open(crashDir, smallOptions(vfs.Observe(disk, f.before)))
	if err != nil {
		t.Fatalf("opening without space for the index: %v", err)
	}
	verifyQuery(t, "without an index on disk", again, "3", 2)
	f.set(nil)
	for range 20 {
		mustRecover(t, again)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	mustBeValid(t, "afterwards", disk)
}

func TestCloseWaitsForConcurrentClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f, disk := newFaultyStore(t)
		mustAppend(t, s, "one", 1)
		started := make(chan struct{})
		f.set(func(op vfs.Op) error {
			if op.Kind == "truncate" {
				close(started)
				time.Sleep(time.Second) // until everything else waits
			}
			return nil
		})
		go s.Close()
		<-started
		if err := s.Close(); err != nil {
			t.Errorf("the second close: %v", err)
		}
		again, err := store.Open(crashDir, smallOptions(disk))
		if err != nil {
			t.Fatalf("opening the closed store: %v", err)
		}
		again.Close()
	})
}

func TestBlocksStayInOrderAfterFailedWriteDuringOpen(t *testing.T) {
	s, f, disk := newFaultyStore(t)
	for i := range 30 {
		mustAppend(t, s, fmt.Sprint(i), 2)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range disk.Files() {
		if filepath.Dir(name) == "/store/index" {
			if err := disk.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	var failed atomic.Bool
	f.set(func(op vfs.Op) error {
		if err := failOn("create", "index", syscall.ENOSPC)(op); err != nil && !failed.Swap(true) {
			return err
		}
		return nil
	})
	again, err := store.Open(crashDir, smallOptions(vfs.Observe(disk, f.before)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		verifyQuery(t, "after opening", again, fmt.Sprint(i), 2)
	}
	verifyContent(t, "after opening", again, new(journal))
	if n := countEvents(t, again); n != 60 {
		t.Errorf("%d events can be read instead of 60", n)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	mustBeValid(t, "afterwards", disk)
}
