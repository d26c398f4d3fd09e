package index_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

var errDisk = errors.New("disk error")

// faults records the operations on a disk, and makes one of them fail.
type faults struct {
	kinds []string
	at    int // number of the operation that fails, from 1; 0 for none
}

// injectFault makes the n-th operation on the directory fail.
func (s *blockDir) injectFault(n int) *faults {
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

// checkFailures makes each disk operation of some work fail in turn. It fails unless the
// work returns the error, leaves no incomplete file, and can be repeated.
func checkFailures(t *testing.T, c *contents, setup func(*blockDir) func() (*index.Block, error)) {
	for n := 1; ; n++ {
		s := newBlockDir(t)
		work := setup(s)
		before := s.fileNames(t)
		injected := s.injectFault(n)
		block, err := work()
		if injected.at = 0; err == nil {
			c.check(t, block)
			if n < 8 {
				t.Errorf("there were only %d operations: %q", n, injected.kinds)
			}
			return
		}
		failed := injected.kinds[n-1]
		if !errors.Is(err, errDisk) {
			t.Errorf("%s: the error is %v", failed, err)
		}
		after := s.fileNames(t)
		if slices.Contains(after, s.Temp) {
			t.Errorf("%s: an incomplete file is left", failed)
		}
		named := slices.Contains(injected.kinds, "rename") && failed != "rename"
		if !named && !slices.Equal(after, before) {
			t.Errorf("%s: the files are %q, want %q", failed, after, before)
		}
		if block, err = work(); err != nil {
			t.Errorf("%s: repeating the work fails: %v", failed, err)
			continue
		}
		c.check(t, block)
	}
}

func TestFailedFlushLeavesNoFile(t *testing.T) {
	c := varied()
	checkFailures(t, c, func(s *blockDir) func() (*index.Block, error) {
		m := c.headBlock()
		return func() (*index.Block, error) { return s.Flush(m, c.span()) }
	})
}

func TestFailedCompactionLeavesNoFile(t *testing.T) {
	parts := []*contents{spaced(300, 1), {first: 1301, events: make([][]index.Term, 400)}}
	whole := &contents{first: 1001, events: slices.Concat(parts[0].events, parts[1].events)}
	checkFailures(t, whole, func(s *blockDir) func() (*index.Block, error) {
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

func TestBlockIsSyncedBeforeRename(t *testing.T) {
	s, c := newBlockDir(t), spaced(10, 1)
	recorded := s.injectFault(0)
	c.flush(t, s)
	var order []string
	for _, kind := range recorded.kinds {
		if kind != "write" {
			order = append(order, kind)
		}
	}
	if want := []string{"create", "sync", "rename", "syncdir", "open", "read"}; !slices.Equal(order, want) {
		t.Errorf("the order is %q, want %q", order, want)
	}
	if at := slices.Index(recorded.kinds, "sync"); slices.Contains(recorded.kinds[at:], "write") {
		t.Errorf("there is a write after the sync: %q", recorded.kinds)
	}
}

func TestThrottleIsCalledForEachWrite(t *testing.T) {
	s, c := newBlockDir(t), varied()
	var throttled, written int64
	s.Dir = vfs.ObserveDir(s.Dir, func(op vfs.Op) error {
		if op.Kind == "write" {
			written += op.Size
		}
		return nil
	})
	s.Throttle = func(bytes int) error { throttled += int64(bytes); return nil }
	block := c.flush(t, s)
	if header := int64(index.PageBytes); throttled != written-header || written != block.Bytes {
		t.Errorf("%d of %d written bytes were throttled, and the block has %d", throttled, written, block.Bytes)
	}
}

func TestErrorOfThrottleEndsFlush(t *testing.T) {
	s, c := newBlockDir(t), varied()
	enough := errors.New("enough")
	s.Throttle = func(int) error { return enough }
	if _, err := s.Flush(c.headBlock(), c.span()); !errors.Is(err, enough) {
		t.Errorf("the error is %v", err)
	}
	if names := s.fileNames(t); len(names) != 0 {
		t.Errorf("the files are %q", names)
	}
}

func TestPowerFailureDuringFlushLeavesCompleteBlockOrNone(t *testing.T) {
	c := varied()
	for n := 1; n < 30; n++ {
		s := newBlockDir(t)
		s.injectFault(n)
		_, err := s.Flush(c.headBlock(), c.span())
		for seed := range uint64(10) {
			after := &blockDir{s.Builder, s.mem.Crash(newRand(seed))}
			after.Dir = openDir(t, after.mem)
			for _, name := range after.fileNames(t) {
				if name == s.Temp {
					continue
				}
				block, err := after.open(name)
				must(t, err)
				if countErrors(t, c, block) != 0 {
					t.Errorf("operation %d, seed %d: the block is corrupt", n, seed)
				}
			}
		}
		if err == nil {
			return
		}
	}
	t.Error("too many operations")
}
