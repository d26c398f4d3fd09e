package admin_test

import (
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// Segments cover all positions, each once, and so do blocks.
func TestLayoutCoversAllPositions(t *testing.T) {
	opened, err := store.Open("/store", &store.Options{FS: vfs.NewVolatileMem(), SegmentBytes: 4096, BlockEvents: 4})
	if err != nil {
		t.Fatal(err)
	}
	r := startStore(t, opened)
	c := r.admin(t)
	layout := func() *adminv1.LayoutResponse {
		t.Helper()
		l, err := c.Layout(within(t))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	if l := layout(); l.GetHead() != 0 || len(l.GetSegments()) != 1 || l.GetSegments()[0].GetEvents() != 0 || len(l.GetBlocks()) != 0 || l.GetLastCompaction() != nil {
		t.Errorf("the layout of an empty store is %v", l)
	}
	const groups = 1100 // more than twice the segments of a message
	for range groups {
		r.append(t, nil, dcb.Event{Type: "A", Data: make([]byte, 3000)}, dcb.Event{Type: "B"})
	}
	var l *adminv1.LayoutResponse
	eventually(t, "all blocks are flushed and compacted", func() bool {
		l = layout()
		return len(l.GetHeadBlocks()) == 1 && l.GetCompactionBacklog() == 0 && len(l.GetCompactions()) == 0 && l.GetCompacted() > 0
	})
	if l.GetHead() != 2*groups {
		t.Errorf("the head is %d", l.GetHead())
	}
	next, used := uint64(1), uint64(0)
	for i, s := range l.GetSegments() {
		if s.GetFirst() != next || s.GetEvents() == 0 || s.GetFileBytes() < s.GetUsedBytes() || s.GetActive() != (i == len(l.GetSegments())-1) {
			t.Errorf("segment %d is %v, but the next position is %d", i, s, next)
		}
		next, used = next+s.GetEvents(), used+s.GetUsedBytes()
	}
	o, err := r.store.Overview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if next != 2*groups+1 || used != uint64(o.LogBytes) || len(l.GetSegments()) != o.Segments || o.Segments <= 2*512 {
		t.Errorf("%d segments cover %d positions in %d bytes, the store %+v", len(l.GetSegments()), next-1, used, o)
	}
	next = 1
	levels := map[uint32]int{}
	for _, b := range l.GetBlocks() {
		if b.GetFirst() != next || b.GetEvents() == 0 || b.GetBytes() == 0 || b.GetTerms() != 2 || b.GetCorrupt() {
			t.Errorf("the block %v does not start at %d", b, next)
		}
		next += b.GetEvents()
		levels[b.GetLevel()]++
	}
	if h := l.GetHeadBlocks()[0]; h.GetFirst() != next || next+h.GetEvents() != 2*groups+1 {
		t.Errorf("the head block is %v, but the next position is %d", h, next)
	}
	if len(levels) < 2 || len(l.GetBlocks()) != o.Blocks || l.GetLimits().GetMaxEvents() != 4 {
		t.Errorf("%d blocks by level: %v, limits %v", o.Blocks, levels, l.GetLimits())
	}
	last := l.GetLastCompaction()
	if last.GetBlocks() != 8 || last.GetEvents() == 0 || last.GetWrittenBytes() == 0 || last.GetBytes() == 0 ||
		last.GetEnded().AsTime().Before(last.GetStarted().AsTime()) || l.GetCompactedBytes() < last.GetWrittenBytes() {
		t.Errorf("the last compaction is %v", last)
	}
}
