package store

import (
	"context"
	"fmt"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
)

// replay builds head blocks from groups in the log.
type replay struct {
	store *Store
	ctx   context.Context
	// emit is called with each full block.
	emit func(*headBlock) error
	// progress is called after each group. It may be nil.
	progress func(*eventlog.Group)
}

// run replays the groups after a point, up to the group with index last. It returns
// the remaining block, which was not emitted.
func (r *replay) run(from eventlog.Point, last uint64) (*headBlock, error) {
	h := newHeadBlock(r.store.hasher, from.Tail, 0)
	for g, err := range r.store.log.Groups(from, last) {
		if err == nil {
			err = r.ctx.Err()
		}
		if err == nil && h.full(r.store.options.BlockEvents) {
			err = r.emit(h)
			h = newHeadBlock(r.store.hasher, eventlog.Tail{Index: g.Index - 1, Next: g.First}, h.Terms())
		}
		if err == nil {
			err = h.addGroup(&g, r.store.verifiedRecords(&g))
		}
		if err != nil {
			return nil, err
		}
		if r.progress != nil {
			r.progress(&g)
		}
	}
	return h, nil
}

// endOf returns the point in the log after the last group of a block. It fails with
// errBlockMismatch if the log does not contain this group.
func (s *Store) endOf(b *index.Block) (eventlog.Point, error) {
	g, valid, err := s.log.HeaderAt(b.Base, b.Offset)
	if err != nil {
		return eventlog.Point{}, err
	}
	if !valid || g.Index != b.LastGroup || g.Chain != b.Chain || g.First+uint64(g.Count) != b.Next() {
		return eventlog.Point{}, errBlockMismatch{b.Name}
	}
	return g.End(), nil
}

// errBlockMismatch is returned when a block was not built from this log.
type errBlockMismatch struct{ name string }

func (e errBlockMismatch) Error() string {
	return fmt.Sprintf("%s does not match the log", e.name)
}
