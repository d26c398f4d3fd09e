package eventlog_test

import (
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
)

func TestAnEmptyLogIsSmall(t *testing.T) {
	d, fs := newFullDisk()
	b := open(t, fs, eventlog.Options{NewID: newID})
	must(t, b.Preallocate())
	b.commit(1, "text")
	if n := d.TotalBytes(); n >= 2<<20 {
		t.Errorf("it takes %d bytes", n)
	}
}

func TestPreparedSpaceIsReservedWithoutTheDisk(t *testing.T) {
	d, fs := newFullDisk()
	b := open(t, fs, eventlog.Options{NewID: newID})
	for range 200 {
		must(t, b.Preallocate())
		allocated := d.asked["allocate"]
		b.commit(1, strings.Repeat("x", 100_000))
		if d.asked["allocate"] != allocated {
			t.Fatalf("group %d had to allocate", b.Tail().Index)
		}
	}
	if n := d.asked["allocate"]; n > 10 {
		t.Errorf("it was allocated %d times", n)
	}
}

func TestThePreparedSegmentIsRolledToWithoutTheDisk(t *testing.T) {
	d, fs := newFullDisk()
	b := open(t, fs, small)
	for range 10 {
		b.commit(1, strings.Repeat("x", 3000))
		must(t, b.Preallocate())
		d.refuse["create"], d.refuse["allocate"] = true, true
		b.commit(1, strings.Repeat("x", 3000))
		d.refuse["create"], d.refuse["allocate"] = false, false
	}
	if n := len(b.Segments()); n != 20 {
		t.Errorf("there are %d segments", n)
	}
}

func TestPreparingWithoutSpaceHarmsNothing(t *testing.T) {
	for _, refused := range []string{"create", "allocate"} {
		t.Run(refused, func(t *testing.T) {
			d, fs := newFullDisk()
			b := open(t, fs, small)
			b.commit(1, strings.Repeat("x", 3000))
			was := image(t, d.Mem)
			d.refuse[refused] = true
			if err := b.Preallocate(); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("the error is %v", err)
			}
			same(t, image(t, d.Mem), was)
			d.refuse[refused] = false
			must(t, b.Preallocate())
			b.commit(1, strings.Repeat("y", 3000))
			open(t, d.Mem, small).has(strings.Repeat("x", 3000), strings.Repeat("y", 3000))
		})
	}
}

func TestPreparingWithoutSpaceInTheSegmentHarmsNothing(t *testing.T) {
	d, fs := newFullDisk()
	b := open(t, fs, small)
	was := image(t, d.Mem)
	d.refuse["allocate"] = true
	if err := b.Preallocate(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("the error is %v", err)
	}
	same(t, image(t, d.Mem), was)
	d.refuse["allocate"] = false
	b.commit(1, "text")
	b.has("text")
}

func TestPreparingTwiceMakesOneFile(t *testing.T) {
	d, fs := newFullDisk()
	b := open(t, fs, small)
	b.commit(1, strings.Repeat("x", 3000))
	must(t, b.Preallocate())
	must(t, b.Preallocate())
	if n := len(d.Files()); n != 2 {
		t.Errorf("there are %d files", n)
	}
	must(t, b.Close(true))
	if n := len(d.Files()); n != 1 {
		t.Errorf("closed, there are %d files", n)
	}
}

// The race detector looks on while one goroutine plans, one writes, one
// prepares, and one reads, over many rolls.
func TestPlanningWritingPreparingAndReadingRunTogether(t *testing.T) {
	b, mem := begin(t)
	sealed, durable, done := make(chan *eventlog.Sealed), make(chan uint64, 1), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() { write(b, sealed, durable) })
	all.Go(func() { readAll(b, durable) })
	all.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if err := b.Preallocate(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for i := range 300 {
		payload := strings.Repeat("x", 7*i)
		_, err := b.Reserve(0, len(payload))
		must(t, err)
		sealed <- b.seal(1, payload)
	}
	close(sealed)
	close(done)
	all.Wait()
	must(t, b.Close(true))
	if tail := open(t, mem, small).Tail(); tail.Next != 301 {
		t.Errorf("the next position is %d", tail.Next)
	}
}

// write makes groups durable, and tells the newest to a reader that may be slow.
func write(b *book, sealed chan *eventlog.Sealed, durable chan uint64) {
	defer close(durable)
	for s := range sealed {
		if err := errors.Join(b.Write(s), b.Sync()); err != nil {
			b.t.Error(err)
		}
		select {
		case <-durable:
		default:
		}
		durable <- s.Index
	}
}

// readAll reads the log up to what is durable, again and again.
func readAll(b *book, durable chan uint64) {
	for last := range durable {
		read := uint64(0)
		for g, err := range b.Groups(b.Start(), last) {
			if err != nil {
				b.t.Errorf("after group %d: %v", read, err)
				return
			}
			read = g.Index
		}
		if read != last {
			b.t.Errorf("read is up to %d, not %d", read, last)
		}
	}
}
