package store

import (
	"context"
	"slices"
	"time"

	"github.com/umadb-go/umadb/internal/record"
)

// PositionAt implements dcb.EventStore.
func (s *Store) PositionAt(ctx context.Context, t time.Time) (uint64, error) {
	if err := s.gate.enter(ctx); err != nil {
		return 0, err
	}
	defer s.gate.leave()
	if err := s.refresh(ctx); err != nil {
		return 0, err
	}
	sn := s.snapshot()
	defer sn.release()
	position, err := sn.positionAt(record.UnixNano(t))
	s.markCorrupt(sn.blocks, err)
	return position, storeError(err, "looking up a time")
}

// positionAt returns the position of the last event committed at a time or before, 0 if there is
// none. It asks the newest blocks first: recent times are looked up most often.
func (sn snapshot) positionAt(t int64) (uint64, error) {
	at := func(b block) (uint64, bool, error) {
		position, found, err := b.PositionAt(t)
		return min(position, sn.head), found, err
	}
	for _, h := range slices.Backward(sn.heads) {
		if position, found, err := at(h); found || err != nil {
			return position, err
		}
	}
	for _, b := range slices.Backward(sn.blocks) {
		if position, found, err := at(b); found || err != nil {
			return position, err
		}
	}
	return 0, nil
}
