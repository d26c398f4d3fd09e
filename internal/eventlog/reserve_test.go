package eventlog_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// fullDisk is a disk that may be made to have no space.
type fullDisk struct {
	*vfs.Mem
	refuse map[string]bool // kinds of operation
	asked  map[string]int
}

func newFullDisk() (*fullDisk, vfs.FS) {
	d := &fullDisk{vfs.NewMem(), map[string]bool{}, map[string]int{}}
	return d, vfs.Observe(d.Mem, func(op vfs.Op) error {
		d.asked[op.Kind]++
		if d.refuse[op.Kind] {
			return syscall.ENOSPC
		}
		return nil
	})
}

func TestAGroupGrowsInItsSegment(t *testing.T) {
	b, _ := begin(t)
	first, err := b.Reserve(0, 100)
	must(t, err)
	for used := 100; used < 3000; used += 100 {
		at, err := b.Reserve(used, 100)
		if at != first || err != nil {
			t.Fatalf("with %d bytes it lies at %d, not %d: %v", used, at, first, err)
		}
	}
	b.write(b.seal(1, strings.Repeat("x", 3000)))
	b.has(strings.Repeat("x", 3000))
}

func TestAGroupThatCannotGrowIsSealedFirst(t *testing.T) {
	b, mem := begin(t)
	_, err := b.Reserve(0, 3000)
	must(t, err)
	if _, err := b.Reserve(3000, 3000); !errors.Is(err, eventlog.ErrSegmentFull) {
		t.Fatalf("the error is %v", err)
	}
	b.write(b.seal(1, strings.Repeat("x", 3000)))
	b.commit(1, strings.Repeat("y", 3000))
	if len(b.Segments()) != 2 {
		t.Errorf("there are %d segments", len(b.Segments()))
	}
	open(t, mem, small).has(strings.Repeat("x", 3000), strings.Repeat("y", 3000))
}

func TestRollingTellsWhetherTheGroupBeginsASegment(t *testing.T) {
	b, _ := begin(t)
	for _, c := range []struct {
		bytes int
		rolls bool
	}{{9000, false}, {100, true}, {3000, false}, {3000, true}} {
		_, err := b.Reserve(0, c.bytes)
		must(t, err)
		if b.Rolling() != c.rolls {
			t.Errorf("a group of %d bytes: %v", c.bytes, b.Rolling())
		}
		b.write(b.seal(1, strings.Repeat("x", c.bytes)))
		if b.Rolling() {
			t.Error("it rolls still when it is sealed")
		}
	}
}

// noSpace fails unless Reserve fails while the disk refuses a kind of
// operation, nothing changes, and it works again when there is space.
func noSpace(t *testing.T, refused string, before []string, payload string) {
	d, fs := newFullDisk()
	b := open(t, fs, small)
	for _, p := range before {
		b.commit(1, p)
	}
	was, tail := image(t, d.Mem), b.Tail()
	d.refuse[refused] = true
	for range 3 {
		if _, err := b.Reserve(0, len(payload)); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("the error is %v", err)
		}
	}
	same(t, image(t, d.Mem), was)
	if b.Tail() != tail {
		t.Errorf("the tail is %+v", b.Tail())
	}
	b.has(before...)
	d.refuse[refused] = false
	b.commit(1, payload)
	open(t, d.Mem, small).has(append(before, payload)...)
}

func TestReservingWithoutSpaceChangesNothing(t *testing.T) {
	large := strings.Repeat("x", 3000)
	t.Run("in the first segment", func(t *testing.T) { noSpace(t, "allocate", nil, "text") })
	t.Run("for a large group", func(t *testing.T) { noSpace(t, "allocate", nil, large+large) })
	t.Run("for a new file", func(t *testing.T) { noSpace(t, "create", []string{large}, large) })
	t.Run("in a new file", func(t *testing.T) { noSpace(t, "allocate", []string{large}, large) })
}

func TestAGroupThatCannotGrowForLackOfSpaceIsWrittenAsItIs(t *testing.T) {
	d, fs := newFullDisk()
	b := open(t, fs, eventlog.Options{NewID: newID})
	_, err := b.Reserve(0, 4)
	must(t, err)
	d.refuse["allocate"] = true
	if _, err := b.Reserve(4, 3<<20); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the error is %v", err)
	}
	b.write(b.seal(1, "text"))
	b.commit(1, "there is room for more")
	open(t, d.Mem, small).has("text", "there is room for more")
}

// When there is no space for a roll, a smaller group may fit yet.
func TestASmallerGroupFitsWhereALargerDoesNot(t *testing.T) {
	d, fs := newFullDisk()
	b := open(t, fs, small)
	b.commit(1, strings.Repeat("x", 3000))
	d.refuse["create"] = true
	if _, err := b.Reserve(0, 3000); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the error is %v", err)
	}
	b.commit(1, "small")
	must(t, b.Close(true))
	open(t, d.Mem, small).has(strings.Repeat("x", 3000), "small", "")
}

func TestARollThatWasOnlyPlannedDoesNotKeepFromClosing(t *testing.T) {
	b, mem := begin(t)
	b.commit(1, strings.Repeat("x", 3000))
	_, err := b.Reserve(0, 3000)
	must(t, err)
	must(t, b.Close(true))
	if names := mem.Files(); len(names) != 1 {
		t.Errorf("the files are %q", names)
	}
	open(t, mem, small).has(strings.Repeat("x", 3000), "")
}

// The room tells a log that is being written from one that was closed.
func TestBehindEachGroupIsRoomForAMarkAndMore(t *testing.T) {
	for _, size := range []int{1, 3000, 3887, 3888, 3889, 3952, 3953, 4500, 9000} {
		b, mem := begin(t)
		for range 3 {
			g := b.commit(1, strings.Repeat("x", size))
			name := b.SegmentOf(g.First).Name
			if room := len(read(t, mem, name)) - end(g); room < eventlog.ClosingBytes {
				t.Errorf("behind a group of %d bytes there are %d", size, room)
			}
		}
	}
}

// What is written needs no space: it was reserved.
func TestWritingNeedsNoSpace(t *testing.T) {
	b, mem := begin(t)
	for i := range 60 {
		payload := strings.Repeat("x", 97*i)
		_, err := b.Reserve(0, len(payload))
		must(t, err)
		reserved := mem.TotalBytes()
		b.write(b.seal(1, payload))
		if grown := mem.TotalBytes() - reserved; grown > 0 {
			t.Fatalf("writing group %d took %d bytes", i, grown)
		}
	}
}
