package store

import (
	"context"
	"fmt"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
)

// replay makes memory blocks of groups that are in the log.
type replay struct {
	store *Store
	ctx   context.Context
	// emit takes each block that is full.
	emit func(*memory) error
	// progress is told of each group; nil for nobody.
	progress func(*eventlog.Group)
}

// run adds the groups behind a point, up to the one of index last, and gives the
// block that is left, not full.
func (r *replay) run(from eventlog.Point, last uint64) (*memory, error) {
	m := newMemory(r.store.hasher, from.Tail, 0)
	for g, err := range r.store.log.Groups(from, last) {
		if err == nil {
			err = r.ctx.Err()
		}
		if err == nil && m.full(r.store.options.BlockEvents) {
			err = r.emit(m)
			m = newMemory(r.store.hasher, eventlog.Tail{Index: g.Index - 1, Next: g.First}, m.Terms())
		}
		if err == nil {
			err = m.addGroup(&g, r.store.verifiedRecords(&g))
		}
		if err != nil {
			return nil, err
		}
		if r.progress != nil {
			r.progress(&g)
		}
	}
	return m, nil
}

// endOf gives the point in the log behind a block. It fails if the log does not
// have the group that the block ends with.
func (s *Store) endOf(b *index.Block) (eventlog.Point, error) {
	g, sound, err := s.log.HeaderAt(b.Base, b.Offset)
	if err != nil {
		return eventlog.Point{}, err
	}
	if !sound || g.Index != b.LastGroup || g.Chain != b.Chain || g.First+uint64(g.Count) != b.Next() {
		return eventlog.Point{}, errBlockMismatch{b.Name}
	}
	return g.End(), nil
}

// errBlockMismatch tells of a block that is not of this log.
type errBlockMismatch struct{ name string }

func (e errBlockMismatch) Error() string {
	return fmt.Sprintf("%s does not match the log", e.name)
}
