package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// A group whose sync has failed can be read in the page cache, and may not be on the disk.
func TestReaderDoesNotShowGroupWhoseSyncFailed(t *testing.T) {
	var failing atomic.Bool
	disk := vfs.NewMem()
	s, err := store.Open(crashDir, smallOptions(vfs.Observe(disk, func(op vfs.Op) error {
		if failing.Load() && op.Kind == "sync" && strings.HasSuffix(op.Name, ".log") {
			return syscall.EIO
		}
		return nil
	})))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mustAppend(t, s, "durable", 1)
	before := newObserver(t, crashDir, smallOptions(disk))
	defer before.store.Close()
	mustReach(t, before.store, 1)
	failing.Store(true)
	if _, err := s.Append(t.Context(), newEvents("lost", 1), nil, nil); err == nil {
		t.Fatal("the append succeeded")
	}
	after := newObserver(t, crashDir, smallOptions(disk))
	defer after.store.Close()
	for name, o := range map[string]*observer{"before": before, "after": after} {
		if head, err := o.store.Head(t.Context()); err != nil || head != 1 {
			t.Errorf("a reader opened %s the failure has head %d, error %v", name, head, err)
		}
	}
}

// After a restart of the system, what can be read is on the disk, unless a process has
// started to write meanwhile.
func TestReaderDoesNotAcceptGroupOfWriterThatHasJustStarted(t *testing.T) {
	disk := vfs.NewMem()
	mustFillOn(t, disk)
	disk = disk.Crash(rand.New(rand.NewPCG(1, 2))) // another start of the system
	var failing atomic.Bool
	writing := vfs.Observe(disk, func(op vfs.Op) error {
		if failing.Load() && op.Kind == "sync" && strings.HasSuffix(op.Name, ".log") {
			return syscall.EIO
		}
		return nil
	})
	var once sync.Once
	var announced atomic.Bool
	reading := vfs.Observe(disk, func(op vfs.Op) error {
		if strings.HasSuffix(op.Name, "/HEAD") {
			announced.Store(true)
		}
		if !announced.Load() || !strings.HasPrefix(op.Name, crashDir+"/log") {
			return nil
		}
		// The reader has read the announcement of the earlier start.
		once.Do(func() {
			s, err := store.Open(crashDir, smallOptions(writing))
			if err != nil {
				t.Error(err)
				return
			}
			failing.Store(true)
			if _, err := s.Append(t.Context(), newEvents("lost", 1), nil, nil); err == nil {
				t.Error("the append succeeded")
			}
			t.Cleanup(func() { _ = s.Close() })
		})
		return nil
	})
	o := newObserver(t, crashDir, smallOptions(reading))
	defer o.store.Close()
	if head, err := o.store.Head(t.Context()); err != nil || head != 1 {
		t.Errorf("head %d, error %v", head, err)
	}
}

// mustFillOn creates a store with one event.
func mustFillOn(t *testing.T, disk vfs.FS) {
	t.Helper()
	s, err := store.Open(crashDir, smallOptions(disk))
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, "durable", 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestReaderFailsWhenStoreIsReplaced(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, dir string){
		"moved": func(t *testing.T, dir string) {
			mustRename(t, dir, dir+".moved")
			mustFill(t, dir, "other", 10)
		},
		"another log": func(t *testing.T, dir string) {
			mustFill(t, dir+".other", "other", 10)
			mustRename(t, filepath.Join(dir, "log"), filepath.Join(dir, "old"))
			mustRename(t, filepath.Join(dir+".other", "log"), filepath.Join(dir, "log"))
		},
		"truncated": func(t *testing.T, dir string) {
			files, err := filepath.Glob(filepath.Join(dir, "log", "*.log"))
			if err != nil || len(files) == 0 {
				t.Fatal(files, err)
			}
			if err := os.Truncate(files[len(files)-1], 200); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			mustFill(t, dir, "one", 10)
			o := newObserver(t, dir, diskOptions())
			defer o.store.Close()
			if head, err := o.store.Head(t.Context()); err != nil || head != 10 {
				t.Fatalf("head %d, %v", head, err)
			}
			change(t, dir)
			eventuallyFails(t, func() error {
				_, err := o.store.Head(t.Context())
				return err
			})
			_, _, err := o.store.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect()
			if !errors.Is(err, dcb.ErrIO) && !errors.Is(err, dcb.ErrCorruption) {
				t.Errorf("a later read: %v", err)
			}
		})
	}
}

// eventuallyFails calls do until it returns an error.
func eventuallyFails(t *testing.T, do func() error) {
	t.Helper()
	for range 1_000_000 {
		if err := do(); err != nil {
			t.Log(err)
			return
		}
	}
	t.Error("it does not fail")
}

func mustRename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// mustFill appends events to the store in a directory, one by one.
func mustFill(t *testing.T, dir, name string, n int) {
	t.Helper()
	s, err := store.Open(dir, diskOptions())
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		mustAppend(t, s, name, 1)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// A reader opened at the start continues with blocks that were written meanwhile, so that
// it needs little memory for what it has missed.
func TestReaderContinuesWithNewBlocks(t *testing.T) {
	disk := vfs.NewMem()
	s, err := store.Open(crashDir, smallOptions(disk))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	goroutines := runtime.NumGoroutine()
	o := newObserver(t, crashDir, smallOptions(disk))
	defer o.store.Close()
	for i := range 100 { // far more than fit in the head blocks of a reader
		mustAppend(t, s, fmt.Sprint(i), 3)
	}
	mustReach(t, o.store, 300)
	events, head, err := o.store.Read(t.Context(), dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"7"}}}}, dcb.ReadOptions{}).Collect()
	if err != nil || head != 300 || len(events) != 3 {
		t.Errorf("%d events, head %d, error %v", len(events), head, err)
	}
	if stats, err := o.store.Stats(t.Context(), nil); err != nil || stats.Events != 300 || stats.Uncovered > 40 {
		t.Errorf("stats are %+v, error %v", stats, err)
	}
	// Those that write and compact blocks of the writer end.
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > goroutines; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("there are %d goroutines, %d before the reader was opened", runtime.NumGoroutine(), goroutines)
		}
	}
}

// A subscription follows; the reader has no goroutine for it.
func TestReaderSubscriptionFollows(t *testing.T) {
	disk := vfs.NewMem()
	s, err := store.Open(crashDir, smallOptions(disk))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	o := newObserver(t, crashDir, smallOptions(disk))
	next := uint64(1)
	mustAppend(t, s, "one", 1)
	for e, err := range o.store.Subscribe(t.Context(), dcb.Query{}, 0) {
		if err != nil || e.Position != next {
			t.Fatalf("position %d, want %d, error %v", e.Position, next, err)
		}
		if next++; next > 20 {
			break
		}
		mustAppend(t, s, "more", 1)
	}
	ended := make(chan error, 1)
	go func() {
		for _, err := range o.store.Subscribe(t.Context(), dcb.Query{}, next-1) {
			ended <- err
			return
		}
		ended <- nil
	}()
	if err := o.store.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil && !errors.Is(err, dcb.ErrClosed) {
		t.Errorf("the subscription ended with %v", err)
	}
}
