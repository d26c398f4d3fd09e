package store

import (
	"context"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/umadb-go/umadb/internal/eventlog"
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
	position, err := s.positionAt(sn, unixNano(t))
	return position, storeError(err, "looking up a time")
}

// The times of the log are between these.
var (
	firstTime = time.Unix(0, math.MinInt64)
	lastTime  = time.Unix(0, math.MaxInt64)
)

// unixNano returns a time in Unix nanoseconds. A time that has none is before or after all
// times of the log.
func unixNano(t time.Time) int64 {
	switch {
	case t.Before(firstTime):
		return math.MinInt64
	case t.After(lastTime):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// positionAt returns the position of the last event committed at a time or before, 0 if there is
// none.
func (s *Store) positionAt(sn snapshot, t int64) (uint64, error) {
	for _, h := range slices.Backward(sn.heads) {
		if position, ok, _ := h.PositionAt(t); ok {
			return min(position, sn.head), nil
		}
	}
	last := uint64(0)
	if n := len(sn.blocks); n > 0 {
		for g, err := range s.log.Groups(s.log.Start(), sn.blocks[n-1].LastGroup) {
			if err != nil || g.Time > t {
				return last, err
			}
			last = g.Tail().Next - 1
		}
	}
	return last, nil
}

// times appends the times of positions in a block.
func (s *Store) times(dst []int64, sn snapshot, from block, positions []uint64) ([]int64, error) {
	h, ok := from.(*headBlock)
	if ok {
		return h.Times(dst, positions)
	}
	at := slices.IndexFunc(sn.blocks, func(b *fileBlock) bool { return b == from })
	start := s.log.Start()
	if at > 0 {
		var err error
		if start, err = s.endOf(sn.blocks[at-1].Block); err != nil {
			return dst, err
		}
	}
	var groups []eventlog.GroupHeader
	for g, err := range s.log.Groups(start, sn.blocks[at].LastGroup) {
		if err != nil {
			return dst, err
		}
		groups = append(groups, g.GroupHeader)
	}
	for _, position := range positions {
		after := sort.Search(len(groups), func(i int) bool { return groups[i].First > position })
		dst = append(dst, groups[after-1].Time)
	}
	return dst, nil
}
