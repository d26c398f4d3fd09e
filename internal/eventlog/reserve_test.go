package eventlog_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// fullDisk is a disk whose operations can be made to fail with ENOSPC.
type fullDisk struct {
	*vfs.Mem
	refuse map[string]bool // by kind of operation
	calls  map[string]int  // by kind of operation
}

func newFullDisk() (*fullDisk, vfs.FS) {
	d := &fullDisk{vfs.NewMem(), map[string]bool{}, map[string]int{}}
	return d, vfs.Observe(d.Mem, func(op vfs.Op) error {
		d.calls[op.Kind]++
		if d.refuse[op.Kind] {
			return syscall.ENOSPC
		}
		return nil
	})
}

func TestGroupGrowsInItsSegment(t *testing.T) {
	l, _ := newLog(t)
	first, err := l.Reserve(0, 100)
	must(t, err)
	for used := 100; used < 3000; used += 100 {
		at, err := l.Reserve(used, 100)
		if at != first || err != nil {
			t.Fatalf("with %d bytes used: offset %d, want %d: %v", used, at, first, err)
		}
	}
	l.write(l.seal(1, strings.Repeat("x", 3000)))
	l.checkPayloads(strings.Repeat("x", 3000))
}

func TestGroupThatCannotGrowMustBeSealed(t *testing.T) {
	l, mem := newLog(t)
	_, err := l.Reserve(0, 3000)
	must(t, err)
	if _, err := l.Reserve(3000, 3000); !errors.Is(err, eventlog.ErrSegmentFull) {
		t.Fatalf("the error is %v", err)
	}
	l.write(l.seal(1, strings.Repeat("x", 3000)))
	l.commit(1, strings.Repeat("y", 3000))
	if len(l.Segments()) != 2 {
		t.Errorf("there are %d segments", len(l.Segments()))
	}
	openTestLog(t, mem, small).checkPayloads(strings.Repeat("x", 3000), strings.Repeat("y", 3000))
}

func TestRollingReportsNewSegment(t *testing.T) {
	l, _ := newLog(t)
	for _, c := range []struct {
		bytes int
		rolls bool
	}{{9000, false}, {100, true}, {3000, false}, {3000, true}} {
		_, err := l.Reserve(0, c.bytes)
		must(t, err)
		if l.Rolling() != c.rolls {
			t.Errorf("a group of %d bytes: %v", c.bytes, l.Rolling())
		}
		l.write(l.seal(1, strings.Repeat("x", c.bytes)))
		if l.Rolling() {
			t.Error("Rolling is true after Seal")
		}
	}
}

// checkReserveWithoutSpace fails unless Reserve fails and changes nothing while the disk
// refuses a kind of operation, and succeeds afterwards.
func checkReserveWithoutSpace(t *testing.T, refused string, before []string, payload string) {
	d, fs := newFullDisk()
	l := openTestLog(t, fs, small)
	for _, p := range before {
		l.commit(1, p)
	}
	was, tail := contents(t, d.Mem), l.Tail()
	d.refuse[refused] = true
	for range 3 {
		if _, err := l.Reserve(0, len(payload)); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("the error is %v", err)
		}
	}
	checkFiles(t, contents(t, d.Mem), was)
	if l.Tail() != tail {
		t.Errorf("the tail is %+v", l.Tail())
	}
	l.checkPayloads(before...)
	d.refuse[refused] = false
	l.commit(1, payload)
	openTestLog(t, d.Mem, small).checkPayloads(append(before, payload)...)
}

func TestReserveOnFullDiskChangesNothing(t *testing.T) {
	large := strings.Repeat("x", 3000)
	t.Run("in the first segment", func(t *testing.T) { checkReserveWithoutSpace(t, "allocate", nil, "text") })
	t.Run("for a large group", func(t *testing.T) { checkReserveWithoutSpace(t, "allocate", nil, large+large) })
	t.Run("for a new file", func(t *testing.T) { checkReserveWithoutSpace(t, "create", []string{large}, large) })
	t.Run("in a new file", func(t *testing.T) { checkReserveWithoutSpace(t, "allocate", []string{large}, large) })
}

func TestGroupThatCannotGrowOnFullDiskCanBeWritten(t *testing.T) {
	d, fs := newFullDisk()
	l := openTestLog(t, fs, eventlog.Options{NewID: newID})
	_, err := l.Reserve(0, 4)
	must(t, err)
	d.refuse["allocate"] = true
	if _, err := l.Reserve(4, 3<<20); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the error is %v", err)
	}
	l.write(l.seal(1, "text"))
	l.commit(1, "another group still fits")
	openTestLog(t, d.Mem, small).checkPayloads("text", "another group still fits")
}

// If there is no space for a new segment, a smaller group may still fit.
func TestSmallerGroupFitsWhereLargerDoesNot(t *testing.T) {
	d, fs := newFullDisk()
	l := openTestLog(t, fs, small)
	l.commit(1, strings.Repeat("x", 3000))
	d.refuse["create"] = true
	if _, err := l.Reserve(0, 3000); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the error is %v", err)
	}
	l.commit(1, "small")
	must(t, l.Close(true))
	openTestLog(t, d.Mem, small).checkPayloads(strings.Repeat("x", 3000), "small", "")
}

func TestCloseAfterPlannedRoll(t *testing.T) {
	l, mem := newLog(t)
	l.commit(1, strings.Repeat("x", 3000))
	_, err := l.Reserve(0, 3000)
	must(t, err)
	must(t, l.Close(true))
	if names := mem.Files(); len(names) != 1 {
		t.Errorf("the files are %q", names)
	}
	openTestLog(t, mem, small).checkPayloads(strings.Repeat("x", 3000), "")
}

// The padding distinguishes an open log from a closed one.
func TestEachGroupIsFollowedByPadding(t *testing.T) {
	for _, size := range []int{1, 3000, 3887, 3888, 3889, 3952, 3953, 4500, 9000} {
		l, mem := newLog(t)
		for range 3 {
			g := l.commit(1, strings.Repeat("x", size))
			name := l.SegmentOf(g.First).Name
			if padding := len(read(t, mem, name)) - end(g); padding < eventlog.PaddingBytes {
				t.Errorf("a group of %d bytes is followed by %d bytes", size, padding)
			}
		}
	}
}

// All space that Write needs was reserved.
func TestWriteNeedsNoSpace(t *testing.T) {
	l, mem := newLog(t)
	for i := range 60 {
		payload := strings.Repeat("x", 97*i)
		_, err := l.Reserve(0, len(payload))
		must(t, err)
		reserved := mem.TotalBytes()
		l.write(l.seal(1, payload))
		if grown := mem.TotalBytes() - reserved; grown > 0 {
			t.Fatalf("writing group %d extended the file by %d bytes", i, grown)
		}
	}
}
