package eventlog_test

import (
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
)

func TestEmptyLogIsSmall(t *testing.T) {
	d, fs := newFullDisk()
	l := openTestLog(t, fs, eventlog.Options{NewID: newID})
	must(t, l.Preallocate())
	l.commit(1, "text")
	if n := d.TotalBytes(); n >= 2<<20 {
		t.Errorf("the log takes %d bytes", n)
	}
}

func TestReserveInPreallocatedSpaceNeedsNoDiskOperation(t *testing.T) {
	d, fs := newFullDisk()
	l := openTestLog(t, fs, eventlog.Options{NewID: newID})
	for range 200 {
		must(t, l.Preallocate())
		allocated := d.calls["allocate"]
		l.commit(1, strings.Repeat("x", 100_000))
		if d.calls["allocate"] != allocated {
			t.Fatalf("group %d had to allocate", l.Tail().Index)
		}
	}
	if n := d.calls["allocate"]; n > 10 {
		t.Errorf("%d allocations", n)
	}
}

func TestRollToPreallocatedSegmentNeedsNoSpace(t *testing.T) {
	d, fs := newFullDisk()
	l := openTestLog(t, fs, small)
	for range 10 {
		l.commit(1, strings.Repeat("x", 3000))
		must(t, l.Preallocate())
		d.refuse["create"], d.refuse["allocate"] = true, true
		l.commit(1, strings.Repeat("x", 3000))
		d.refuse["create"], d.refuse["allocate"] = false, false
	}
	if n := len(l.Segments()); n != 20 {
		t.Errorf("there are %d segments", n)
	}
}

func TestPreallocateOnFullDiskChangesNothing(t *testing.T) {
	for _, refused := range []string{"create", "allocate"} {
		t.Run(refused, func(t *testing.T) {
			d, fs := newFullDisk()
			l := openTestLog(t, fs, small)
			l.commit(1, strings.Repeat("x", 3000))
			was := contents(t, d.Mem)
			d.refuse[refused] = true
			if err := l.Preallocate(); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("the error is %v", err)
			}
			checkFiles(t, contents(t, d.Mem), was)
			d.refuse[refused] = false
			must(t, l.Preallocate())
			l.commit(1, strings.Repeat("y", 3000))
			openTestLog(t, d.Mem, small).checkPayloads(strings.Repeat("x", 3000), strings.Repeat("y", 3000))
		})
	}
}

func TestPreallocateInSegmentOnFullDiskChangesNothing(t *testing.T) {
	d, fs := newFullDisk()
	l := openTestLog(t, fs, small)
	was := contents(t, d.Mem)
	d.refuse["allocate"] = true
	if err := l.Preallocate(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("the error is %v", err)
	}
	checkFiles(t, contents(t, d.Mem), was)
	d.refuse["allocate"] = false
	l.commit(1, "text")
	l.checkPayloads("text")
}

func TestPreallocateTwiceCreatesOneFile(t *testing.T) {
	d, fs := newFullDisk()
	l := openTestLog(t, fs, small)
	l.commit(1, strings.Repeat("x", 3000))
	must(t, l.Preallocate())
	must(t, l.Preallocate())
	if n := len(d.Files()); n != 2 {
		t.Errorf("there are %d files, want 2", n)
	}
	must(t, l.Close(true))
	if n := len(d.Files()); n != 1 {
		t.Errorf("after Close there are %d files, want 1", n)
	}
}

// For the race detector: one goroutine plans, one writes, one preallocates, and one
// reads, over many segments.
func TestConcurrentUse(t *testing.T) {
	l, mem := newLog(t)
	sealed, durable, done := make(chan *eventlog.Sealed), make(chan uint64, 1), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() { write(l, sealed, durable) })
	all.Go(func() { readAll(l, durable) })
	all.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if err := l.Preallocate(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for i := range 300 {
		payload := strings.Repeat("x", 7*i)
		_, err := l.Reserve(0, len(payload))
		must(t, err)
		sealed <- l.seal(1, payload)
	}
	close(sealed)
	close(done)
	all.Wait()
	must(t, l.Close(true))
	if tail := openTestLog(t, mem, small).Tail(); tail.Next != 301 {
		t.Errorf("the next position is %d", tail.Next)
	}
}

// write writes and syncs groups, and sends the newest index to a possibly slow reader.
func write(l *testLog, sealed chan *eventlog.Sealed, durable chan uint64) {
	defer close(durable)
	for s := range sealed {
		if err := errors.Join(l.Write(s), l.Sync()); err != nil {
			l.t.Error(err)
		}
		select {
		case <-durable:
		default:
		}
		durable <- s.Index
	}
}

// readAll reads the log repeatedly up to the last durable group.
func readAll(l *testLog, durable chan uint64) {
	for last := range durable {
		read := uint64(0)
		for g, err := range l.Groups(l.Start(), last) {
			if err != nil {
				l.t.Errorf("after group %d: %v", read, err)
				return
			}
			read = g.Index
		}
		if read != last {
			l.t.Errorf("read up to group %d, want %d", read, last)
		}
	}
}
