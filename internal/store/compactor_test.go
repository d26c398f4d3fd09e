package store

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/umadb-go/umadb/internal/vfs"
)

// levels returns the levels of the blocks in files, the oldest first.
func levels(s *Store) (levels []uint32) {
	st := s.states.acquire()
	defer st.release()
	for _, b := range st.blocks {
		levels = append(levels, b.Level())
	}
	return levels
}

// appendBlocks appends n groups that fill a block each.
func appendBlocks(t *testing.T, s *Store, n int) {
	t.Helper()
	for range n {
		if _, err := s.Append(t.Context(), alternating(s.options.BlockEvents, "a", "b"), nil, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLongCompactionIsSuspendedForShorterOnes(t *testing.T) {
	var long, suspended atomic.Bool
	started, proceed := make(chan struct{}), make(chan struct{})
	fs := vfs.Observe(vfs.NewMem(), func(op vfs.Op) error {
		switch name := path.Base(op.Name); {
		case op.Kind == "create" && name == compactTemp(1):
			long.Store(true)
			close(started)
			<-proceed
		case op.Kind == "create" && name == compactTemp(0) && long.Load():
			suspended.Store(true)
		case op.Kind == "rename" && strings.HasPrefix(name, fmt.Sprintf("%020d-", 1)):
			long.Store(false)
		}
		return nil
	})
	s, err := Open("/store", &Options{FS: fs, BlockEvents: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()

	const blocks = compactionWidth * compactionWidth
	appendBlocks(t, s, blocks+1)
	<-started
	appendBlocks(t, s, compactionWidth)
	eventually(t, "the short compaction is possible", func() bool { return len(levels(s)) == 2*compactionWidth })
	if n := s.Metrics().Index.CompactionBlocks; n != 2*compactionWidth {
		t.Errorf("%d blocks can be compacted, want %d", n, 2*compactionWidth)
	}
	close(proceed)
	eventually(t, "both are done", func() bool { return slices.Equal(levels(s), []uint32{2, 1}) })
	if !suspended.Load() {
		t.Error("the short compaction did not start before the end of the long one")
	}
	eventually(t, "all are counted", func() bool {
		m := s.Metrics().Index
		return m.Compactions == compactionWidth+2 && m.Flushed == blocks+compactionWidth && m.CompactedBytes > 0
	})
	if m := s.Metrics().Index; m.CompactionBlocks != 0 || m.Blocks != 2 || m.BlockBytes == 0 {
		t.Errorf("the metrics are %+v", m)
	}
}

func TestOpenRemovesIncompleteCompactions(t *testing.T) {
	mem := vfs.NewMem()
	s, err := Open("/store", &Options{FS: mem})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	kept := []string{"join-.tmp", "join-01.tmp", "join-x.tmp", "other.tmp"}
	for _, name := range append([]string{"join.tmp", "join-1.tmp", "join-12.tmp"}, kept...) {
		f, err := mem.Create("/store/index/" + name)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	if s, err = Open("/store", &Options{FS: mem}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	names, err := s.files.index.List()
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	if !slices.Equal(names, kept) {
		t.Errorf("the files are %q, want %q", names, kept)
	}
}

func TestCompactionIsPacedWhileThereAreAppends(t *testing.T) {
	s, err := Open("/store", &Options{FS: vfs.NewMem(), BlockEvents: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := compactor{store: s}
	want := func(what string, rate float64) {
		t.Helper()
		if got := float64(c.rate()); got != rate {
			t.Errorf("%s: %.0f bytes per second, want %.0f", what, got, rate)
		}
	}
	want("without appends", compactionBytesPerSecond)
	appendBlocks(t, s, 1)
	want("after an append", pacedBytesPerSecond)
	want("without another append", compactionBytesPerSecond)
	if got := float64(compactionRate(true, maxPacedBlocks+1)); got != compactionBytesPerSecond {
		t.Errorf("with many blocks: %.0f bytes per second", got)
	}
}
