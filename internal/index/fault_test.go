package index_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

var errDisk = errors.New("the disk has failed")

// faults is what was asked of a disk, and which operation of it is to fail.
type faults struct {
	kinds []string
	at    int // counted from 1; 0 for none
}

// faulty makes the n-th operation on a shelf fail.
func (s *shelf) faulty(n int) *faults {
	f := &faults{at: n}
	s.Dir = vfs.ObserveDir(s.Dir, func(op vfs.Op) error {
		f.kinds = append(f.kinds, op.Kind)
		if len(f.kinds) == f.at {
			return errDisk
		}
		return nil
	})
	return f
}

// failsCleanly lets each operation of some work fail in turn: the error comes
// out, nothing half-made is left, and the work can be done again.
func failsCleanly(t *testing.T, c *contents, prepare func(*shelf) func() (*index.Block, error)) {
	for n := 1; ; n++ {
		s := newShelf(t)
		work := prepare(s)
		before := s.names(t)
		asked := s.faulty(n)
		block, err := work()
		if asked.at = 0; err == nil {
			c.holds(t, block)
			if n < 8 {
				t.Errorf("there were only %d operations: %q", n, asked.kinds)
			}
			return
		}
		failed := asked.kinds[n-1]
		if !errors.Is(err, errDisk) {
			t.Errorf("%s: the error is %v", failed, err)
		}
		after := s.names(t)
		if slices.Contains(after, s.Temp) {
			t.Errorf("%s: a half-made file is left", failed)
		}
		named := slices.Contains(asked.kinds, "rename") && failed != "rename"
		if !named && !slices.Equal(after, before) {
			t.Errorf("%s: the files are %q, and were %q", failed, after, before)
		}
		if block, err = work(); err != nil {
			t.Errorf("%s: doing it again fails: %v", failed, err)
			continue
		}
		c.holds(t, block)
	}
}

func TestAFlushThatFailsLeavesNothing(t *testing.T) {
	c := varied()
	failsCleanly(t, c, func(s *shelf) func() (*index.Block, error) {
		m := c.memory()
		return func() (*index.Block, error) { return s.Flush(m, c.span()) }
	})
}

func TestAJoinThatFailsLeavesNothing(t *testing.T) {
	parts := []*contents{spaced(300, 1), {first: 1301, events: make([][]index.Term, 400)}}
	whole := &contents{first: 1001, events: slices.Concat(parts[0].events, parts[1].events)}
	failsCleanly(t, whole, func(s *shelf) func() (*index.Block, error) {
		var names []string
		for _, block := range flushParts(t, s, parts) {
			names = append(names, block.FileName())
		}
		return func() (*index.Block, error) {
			var blocks []*index.Block
			for _, name := range names {
				block, err := s.open(name)
				if err != nil {
					return nil, err
				}
				blocks = append(blocks, block)
			}
			return s.Compact(blocks)
		}
	})
}

func TestABlockIsSyncedBeforeItHasItsName(t *testing.T) {
	s, c := newShelf(t), spaced(10, 1)
	asked := s.faulty(0)
	c.flush(t, s)
	var order []string
	for _, kind := range asked.kinds {
		if kind != "write" {
			order = append(order, kind)
		}
	}
	if want := []string{"create", "sync", "rename", "syncdir", "open", "read"}; !slices.Equal(order, want) {
		t.Errorf("the order is %q, not %q", order, want)
	}
	if at := slices.Index(asked.kinds, "sync"); slices.Contains(asked.kinds[at:], "write") {
		t.Errorf("something is written after the sync: %q", asked.kinds)
	}
}

func TestTheThrottleIsAskedForEachWrite(t *testing.T) {
	s, c := newShelf(t), varied()
	var asked, written int64
	s.Dir = vfs.ObserveDir(s.Dir, func(op vfs.Op) error {
		if op.Kind == "write" {
			written += op.Size
		}
		return nil
	})
	s.Throttle = func(bytes int) error { asked += int64(bytes); return nil }
	block := c.flush(t, s)
	if header := int64(index.PageBytes); asked != written-header || written != block.Bytes {
		t.Errorf("it was asked for %d bytes of %d, and the block has %d", asked, written, block.Bytes)
	}
}

func TestTheThrottleMayEndTheWriting(t *testing.T) {
	s, c := newShelf(t), varied()
	enough := errors.New("enough")
	s.Throttle = func(int) error { return enough }
	if _, err := s.Flush(c.memory(), c.span()); !errors.Is(err, enough) {
		t.Errorf("the error is %v", err)
	}
	if names := s.names(t); len(names) != 0 {
		t.Errorf("the files are %q", names)
	}
}

func TestAPowerCutWhileFlushingLeavesABlockWholeOrNone(t *testing.T) {
	c := varied()
	for n := 1; n < 30; n++ {
		s := newShelf(t)
		s.faulty(n)
		_, err := s.Flush(c.memory(), c.span())
		for seed := range uint64(10) {
			after := &shelf{s.Builder, s.mem.Crash(chance(seed))}
			after.Dir = held(t, after.mem)
			for _, name := range after.names(t) {
				if name == s.Temp {
					continue
				}
				block, err := after.open(name)
				must(t, err)
				if asked(t, c, block) != 0 {
					t.Errorf("operation %d, seed %d: the block is damaged", n, seed)
				}
			}
		}
		if err == nil {
			return
		}
	}
	t.Error("there are too many operations")
}
