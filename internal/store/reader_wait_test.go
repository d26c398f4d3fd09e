package store_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// slowSync is a store with one event, a read-only store beside it, and an append whose group
// is written and being synced.
type slowSync struct {
	reading *store.Store
	looks   atomic.Int32 // how often the reader has read the announcement
	onLook  func()       // called then
	finish  func()       // ends the sync and waits for the append
}

func newSlowSync(t *testing.T) *slowSync {
	t.Helper()
	b := &slowSync{onLook: func() {}}
	disk := vfs.NewMem()
	var slow atomic.Bool
	synced := make(chan struct{})
	s, err := store.Open(crashDir, smallOptions(vfs.Observe(disk, func(op vfs.Op) error {
		if slow.Load() && op.Kind == "sync" && strings.HasSuffix(op.Name, ".log") {
			<-synced
		}
		return nil
	})))
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, "before", 1)
	b.reading = newObserver(t, crashDir, smallOptions(vfs.Observe(disk, func(op vfs.Op) error {
		if op.Kind == "open" && strings.HasSuffix(op.Name, "/HEAD") {
			b.looks.Add(1)
			b.onLook()
		}
		return nil
	}))).store
	slow.Store(true)
	var appending sync.WaitGroup
	appending.Go(func() { mustAppend(t, s, "slow", 1) })
	synctest.Wait()
	b.looks.Store(0)
	b.finish = func() {
		close(synced)
		appending.Wait()
	}
	t.Cleanup(func() { _ = errors.Join(b.reading.Close(), s.Close()) })
	return b
}

// result is what a call of Head has returned.
type result struct {
	head  uint64
	err   error
	after time.Duration
}

// head calls Head in a goroutine.
func (b *slowSync) head(ctx context.Context) <-chan result {
	done := make(chan result, 1)
	start := time.Now()
	go func() {
		head, err := b.reading.Head(ctx)
		done <- result{head, err, time.Since(start)}
	}()
	return done
}

// Calls wait until a group is durable, as long as their contexts permit, and the looks of one
// of them are enough for all.
func TestCallsOfReaderWaitTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSlowSync(t)
		first, cancelFirst := context.WithCancel(t.Context())
		waiting := []<-chan result{b.head(first)}
		synctest.Wait()
		for range 100 {
			waiting = append(waiting, b.head(t.Context()))
		}
		hasty, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if r := <-b.head(hasty); !errors.Is(r.err, context.DeadlineExceeded) || r.after != 10*time.Millisecond {
			t.Errorf("the call with a deadline: %+v", r)
		}
		cancelFirst() // another call must look instead
		if r := <-waiting[0]; !errors.Is(r.err, context.Canceled) {
			t.Errorf("the cancelled call: %+v", r)
		}
		time.Sleep(90 * time.Millisecond)
		if looks := b.looks.Load(); looks > 102+110 {
			t.Errorf("%d looks for 102 calls in 100 ms", looks)
		}
		b.finish()
		for _, w := range waiting[1:] {
			if r := <-w; r.err != nil || r.head != 2 || r.after > 105*time.Millisecond {
				t.Errorf("a call that waited: %+v", r)
			}
		}
	})
}

// No call waits longer than half a second, and no later one waits for the same group.
func TestCallsOfReaderGiveUpTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSlowSync(t)
		early := b.head(t.Context())
		time.Sleep(400 * time.Millisecond)
		late := b.head(t.Context())
		for _, w := range []<-chan result{early, late, b.head(t.Context())} {
			if r := <-w; r.err != nil || r.head != 1 || r.after > 510*time.Millisecond {
				t.Errorf("%+v", r)
			}
		}
		if r := <-b.head(t.Context()); r.err != nil || r.head != 1 || r.after != 0 {
			t.Errorf("after the others: %+v", r)
		}
		b.finish()
		time.Sleep(50 * time.Millisecond)
		if r := <-b.head(t.Context()); r.err != nil || r.head != 2 {
			t.Errorf("after the sync: %+v", r)
		}
	})
}

// A call whose context ends during its look does not publish what it has found. Others still
// wait for it.
func TestCallsOfReaderWaitAlthoughAnotherIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSlowSync(t)
		waiting := b.head(t.Context())
		// So that the announcer does not pause, and the call that waits does not look at this moment.
		time.Sleep(100*time.Millisecond + 500*time.Microsecond)
		b.finish()
		synctest.Wait() // the announcement
		ctx, cancel := context.WithCancel(t.Context())
		b.onLook = cancel
		if _, err := b.reading.Head(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("the cancelled call: %v", err)
		}
		if r := <-waiting; r.err != nil || r.head != 2 {
			t.Errorf("the call that waits: %+v", r)
		}
	})
}

func TestCloseEndsCallsOfReaderThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSlowSync(t)
		waiting := []<-chan result{b.head(t.Context()), b.head(t.Context())}
		synctest.Wait()
		if err := b.reading.Close(); err != nil {
			t.Error(err)
		}
		for _, w := range waiting {
			if r := <-w; r.err == nil || r.after != 0 {
				t.Errorf("%+v", r)
			}
		}
		b.finish()
	})
}

// A call that comes during a look is not answered by it, but may share the next one.
func TestReaderSeesWhatWasAppendedDuringLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := vfs.NewMem()
		s, err := store.Open(crashDir, smallOptions(disk))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		var looks, copying atomic.Int32
		blocked, open := make(chan struct{}), make(chan struct{})
		b := &slowSync{reading: newObserver(t, crashDir, smallOptions(vfs.Observe(disk, func(op vfs.Op) error {
			switch {
			case op.Kind != "open":
			case strings.HasSuffix(op.Name, "/HEAD"):
				looks.Add(1)
			case strings.HasSuffix(op.Name, "/copying") && copying.Add(1) == 2: // after reading the log
				close(blocked)
				<-open
			}
			return nil
		}))).store}
		defer b.reading.Close()
		looks.Store(0)
		copying.Store(0)
		mustAppend(t, s, "first", 1)
		time.Sleep(time.Second) // the announcement
		waiting := []<-chan result{b.head(t.Context())}
		<-blocked
		mustAppend(t, s, "second", 1)
		time.Sleep(time.Second)
		for range 50 {
			waiting = append(waiting, b.head(t.Context()))
		}
		synctest.Wait()
		close(open)
		for i, w := range waiting {
			r := <-w
			if old := i == 0 && r.head == 1; r.err != nil || r.head != 2 && !old { // or the next look was faster
				t.Errorf("call %d: %+v", i, r)
			}
		}
		if n := looks.Load(); n != 2 {
			t.Errorf("there were %d looks", n)
		}
	})
}

// The file of the announcement may be empty on a full disk, while a process writes into space
// that was allocated before.
func TestReaderBesideWriterThatCannotAnnounce(t *testing.T) {
	for name, earlier := range map[string]bool{"new file": false, "announcement of an earlier start of the system": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := vfs.NewMem()
				mustFillOn(t, disk)
				disk = restarted(t, disk, earlier)
				var full, failing atomic.Bool
				full.Store(true)
				s, err := store.Open(crashDir, smallOptions(vfs.Observe(disk, func(op vfs.Op) error {
					switch {
					case full.Load() && op.Kind == "write" && strings.HasSuffix(op.Name, "/HEAD"):
						return syscall.ENOSPC
					case failing.Load() && op.Kind == "sync" && strings.HasSuffix(op.Name, ".log"):
						return syscall.EIO
					}
					return nil
				})))
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				mustAppend(t, s, "second", 1)
				o := newObserver(t, crashDir, smallOptions(disk))
				defer o.store.Close()
				if head, err := o.store.Head(t.Context()); err != nil || head != 1 {
					t.Errorf("before an announcement, head %d, error %v", head, err)
				}
				full.Store(false)
				time.Sleep(2 * time.Second)
				if head, err := o.store.Head(t.Context()); err != nil || head != 2 {
					t.Errorf("after it, head %d, error %v", head, err)
				}
				failing.Store(true)
				if _, err := s.Append(t.Context(), newEvents("lost", 1), nil, nil); err == nil {
					t.Error("the append succeeded")
				}
				if head, err := o.store.Head(t.Context()); err != nil || head != 2 {
					t.Errorf("after a failed sync, head %d, error %v", head, err)
				}
			})
		})
	}
}

// restarted returns a disk after a restart of the system. It has the announcement that was
// made before only if announced is set.
func restarted(t *testing.T, disk *vfs.Mem, announced bool) *vfs.Mem {
	t.Helper()
	path := crashDir + "/HEAD"
	f, err := disk.OpenWrite(path)
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err == nil && !announced {
		err = disk.Remove(path)
	}
	if err = errors.Join(err, disk.SyncDir(crashDir)); err != nil {
		t.Fatal(err)
	}
	return disk.Crash(rand.New(rand.NewPCG(1, 2)))
}
