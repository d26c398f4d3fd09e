package store

import (
	"context"
	"errors"
	"math"

	"github.com/umadb-go/umadb/internal/index"
)

// selection is a query over the positions from low to high, in the order of a direction.
type selection struct {
	query     *query
	low, high uint64
	direction index.Direction
}

// matches iterates over the positions of a selection at a snapshot, in slices of a bounded
// number of steps. Each slice acquires a slot, so an evaluation delays another by one slice
// at most.
//
// The first slice of a block is all of it. After a slice that reached its step limit, the
// next one starts after the last position that was found, and has a quarter of the size. A
// slice of a single position has no limit: it takes at most stepsPerTerm steps for each term.
type matches struct {
	snapshot  snapshot
	query     *query
	direction index.Direction

	rest     []blockRange // remaining ranges
	width    uint64       // size of the next slice; 0 for all of the range
	scanning bool
	scan     scan // the current slice, at the beginning of the first range
	meter    meter
}

// start starts an iteration over a selection, for a caller.
func (m *matches) start(c caller, sn snapshot, sel selection) error {
	*m = matches{snapshot: sn, query: sel.query, direction: sel.direction, rest: sn.blockRanges(sel.low, sel.high, sel.direction), meter: meter{caller: c}}
	return c.interrupted()
}

// next appends the next positions to dst, at most n and all in one block, and returns the
// block. At the end it returns none.
func (m *matches) next(dst []uint64, n int) (block, []uint64, error) {
	for len(m.rest) > 0 {
		current := m.rest[0]
		found, err := m.inSlot(dst, n)
		if err != nil {
			m.meter.caller.store.markCorrupt(m.snapshot.blocks, err)
			return nil, dst, err
		}
		if m.rest[0].size() == 0 {
			m.rest, m.scanning, m.width = m.rest[1:], false, 0
		}
		if len(found) > len(dst) {
			return current.block, found, nil
		}
	}
	return nil, dst, nil
}

// inSlot acquires a slot and continues the current slice, or starts one.
func (m *matches) inSlot(dst []uint64, n int) ([]uint64, error) {
	c := &m.meter.caller
	acquired, err := c.store.slots.acquire(c.ctx, m.query.terms, m.meter.total)
	if err != nil {
		return dst, err
	}
	defer acquired.release()
	if !m.scanning {
		err = m.startSlice()
	}
	if err == nil {
		dst, err = m.collect(dst, n)
	}
	if errors.Is(err, errStepLimit) {
		m.width = max(1, m.scan.size()/4)
		m.scanning = false
		return dst, nil
	}
	return dst, err
}

// startSlice starts a slice at the beginning of the first range.
func (m *matches) startSlice() error {
	if m.width == 0 {
		m.width = m.rest[0].size()
	}
	slice := m.rest[0].begin(m.width, m.direction)
	m.meter.steps, m.meter.limit = 0, m.query.sliceSteps()
	if slice.size() == 1 {
		m.meter.limit = math.MaxInt
	}
	m.scanning = true
	return m.scan.start(m.query, slice, m.direction, &m.meter)
}

// collect appends positions of the current slice to dst, at most n. At the end of the slice
// it decides on the size of the next one.
func (m *matches) collect(dst []uint64, n int) ([]uint64, error) {
	for ; n > 0; n-- {
		position, ok, err := m.scan.next()
		if err != nil {
			return dst, err
		}
		if !ok {
			m.rest[0] = m.rest[0].after(m.scan.end(m.direction), m.direction)
			m.scanning = false
			if m.meter.steps < m.query.sliceSteps()/4 {
				m.width *= 2
			}
			return dst, nil
		}
		dst = append(dst, position)
		m.rest[0] = m.rest[0].after(position, m.direction)
	}
	return dst, nil
}

// firstMatch returns the first position above after, and up to the snapshot's head,
// that the query matches, 0 if there is none.
func (s *Store) firstMatch(ctx context.Context, sn snapshot, q *query, after uint64, giveUp <-chan struct{}) (uint64, error) {
	if after >= sn.head {
		return 0, nil
	}
	var m matches
	if err := m.start(caller{ctx, s, giveUp}, sn, selection{q, after + 1, sn.head, index.Forwards}); err != nil {
		return 0, err
	}
	_, found, err := m.next(make([]uint64, 0, 1), 1)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	return found[0], nil
}

// firstMatchWithin is firstMatch for the writer. It acquires no slot, and fails with
// errStepLimit when it has reached the step limit. It also returns the number of steps
// taken.
func firstMatchWithin(sn snapshot, q *query, after uint64, limit int) (position uint64, steps int, err error) {
	m := meter{limit: limit}
	var s scan
	for _, r := range sn.blockRanges(after+1, sn.head, index.Forwards) {
		if err := s.start(q, r, index.Forwards, &m); err != nil {
			return 0, m.steps, err
		}
		if position, ok, err := s.next(); ok || err != nil {
			return position, m.steps, err
		}
	}
	return 0, m.steps, nil
}
