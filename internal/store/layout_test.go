package store_test

import (
	"testing"

	"github.com/umadb-go/umadb/internal/store"
)

// wantLayout checks that segments cover all positions, each once, and so do blocks.
func wantLayout(t *testing.T, s *store.Store) {
	t.Helper()
	l, err := s.Layout(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	next := uint64(1)
	for i, segment := range l.Segments {
		if segment.First != next || segment.UsedBytes > segment.FileBytes || segment.Active != (i == len(l.Segments)-1) {
			t.Errorf("segment %d is %+v, and the next position %d", i, segment, next)
		}
		next += segment.Events
	}
	if next != l.Head+1 {
		t.Errorf("the segments cover %d positions of %d", next-1, l.Head)
	}
	next = 1
	for i, block := range append(l.Blocks, l.HeadBlocks...) {
		if block.First != next && block.Events > 0 {
			t.Errorf("block %d is %+v, and the next position %d", i, block, next)
		}
		next += block.Events
	}
	if next != l.Head+1 {
		t.Errorf("the blocks cover %d positions of %d: %+v, %+v", next-1, l.Head, l.Blocks, l.HeadBlocks)
	}
}
