package store

import (
	"context"
	"errors"
	"math"

	"github.com/umadb-go/umadb/internal/index"
)

// The cost of an evaluation is counted in steps. A step is one lookup of a term in a
// block, or one seek in a term's postings. It takes about 100 ns in memory, and at
// most a few page reads on disk.
const (
	// sliceSteps is the least step limit of a slice.
	sliceSteps = 16 << 10
	// stepsPerTerm is the number of steps for each term of the query in the limit of a
	// slice: enough to look up all terms and to decide one position.
	stepsPerTerm = 4
	// checkEvery is the number of steps after which the caller's context is checked.
	checkEvery = 64
)

// errStepLimit is returned when an evaluation has reached its step limit.
var errStepLimit = errors.New("the evaluation has reached its step limit")

// meter counts the steps of an evaluation.
type meter struct {
	steps, limit int
	interrupted  func() error // called every checkEvery steps; may be nil
}

func (m *meter) step() error {
	m.steps++
	if m.steps > m.limit {
		return errStepLimit
	}
	if m.interrupted != nil && m.steps%checkEvery == 0 {
		return m.interrupted()
	}
	return nil
}

// metered is the postings of one term within a slice. Each seek is a step. Keys above
// the last key of the slice are not looked up.
type metered struct {
	index.Postings
	meter *meter
	last  uint64
}

// Seek implements index.Postings.
func (p *metered) Seek(key uint64) (uint64, bool, error) {
	if key > p.last {
		return 0, false, nil
	}
	if err := p.meter.step(); err != nil {
		return 0, false, err
	}
	return p.Postings.Seek(key)
}

// evaluation visits the positions that a query matches, in ascending or descending
// order, until visit returns false.
type evaluation struct {
	query     *query
	direction index.Direction
	visit     func(block, uint64) (bool, error)
	giveUp    <-chan struct{} // closed when the caller cancels; may be nil

	meter   meter  // of the slice
	steps   int    // of all previous slices
	visited uint64 // the last position visited in the slice; 0 if none
}

// slice visits the matches in a block range. It fails with errStepLimit when the meter
// reaches its limit.
func (e *evaluation) slice(r blockRange) (more bool, err error) {
	key, last := r.first, r.last
	if e.direction == index.Backwards {
		key, last = e.direction.Key(r.last), e.direction.Key(r.first)
	}
	matched, err := e.postings(r.block, last)
	if err != nil {
		return false, err
	}
	for {
		found, ok, err := matched.Seek(key)
		if err != nil || !ok || found > last {
			return err == nil, err
		}
		position := e.direction.Key(found)
		more, err := e.visit(r.block, position)
		if err != nil || !more || found == last {
			return more && err == nil, err
		}
		e.visited, key = position, found+1
	}
}

// evaluate runs an evaluation of the positions from low to high at a snapshot, in
// slices of a bounded number of steps. Each slice acquires a slot, so an evaluation
// delays another by one slice at most. Only the position is kept between slices.
func (s *Store) evaluate(ctx context.Context, sn snapshot, e *evaluation, low, high uint64) error {
	e.meter.interrupted = func() error {
		select {
		case <-e.giveUp:
			return context.Canceled
		default:
			return s.interrupted(ctx)
		}
	}
	if err := e.meter.interrupted(); err != nil {
		return err
	}
	for _, r := range sn.blockRanges(low, high, e.direction) {
		more, err := s.evaluateRange(ctx, e, r)
		if err != nil {
			s.markCorrupt(sn.blocks, err)
			return err
		}
		if !more {
			return nil
		}
	}
	return nil
}

// evaluateRange evaluates one block range. The first slice is the whole range. After
// a slice that reached its step limit, evaluation continues after the last position
// visited, with slices of a quarter of the size. A slice of a single position has no
// limit: it takes at most stepsPerTerm steps for each term.
func (s *Store) evaluateRange(ctx context.Context, e *evaluation, rest blockRange) (more bool, err error) {
	width := rest.size()
	for rest.size() > 0 {
		slice := rest.begin(width, e.direction)
		e.meter.steps, e.meter.limit = 0, e.query.sliceSteps()
		if slice.size() == 1 {
			e.meter.limit = math.MaxInt
		}
		e.visited = 0
		more, err := s.inSlot(ctx, e, slice)
		switch {
		case errors.Is(err, errStepLimit):
			if e.visited != 0 {
				rest = rest.after(e.visited, e.direction)
			}
			width = max(1, slice.size()/4)
			continue
		case err != nil || !more:
			return false, err
		}
		rest = rest.after(slice.end(e.direction), e.direction)
		if e.meter.steps < e.query.sliceSteps()/4 {
			width *= 2
		}
	}
	return true, nil
}

// inSlot evaluates a slice when a slot is free.
func (s *Store) inSlot(ctx context.Context, e *evaluation, r blockRange) (bool, error) {
	acquired, err := s.slots.acquire(ctx, e.query.terms, e.steps)
	if err != nil {
		return false, err
	}
	defer acquired.release()
	more, err := e.slice(r)
	e.steps += e.meter.steps
	return more, err
}

// firstMatch returns the first position above after, and up to the snapshot's head,
// that the query matches, 0 if there is none.
func (s *Store) firstMatch(ctx context.Context, giveUp <-chan struct{}, sn snapshot, q *query, after uint64) (uint64, error) {
	if after >= sn.head {
		return 0, nil
	}
	first, e := findFirst(q)
	e.giveUp = giveUp
	err := s.evaluate(ctx, sn, e, after+1, sn.head)
	return *first, err
}

// firstMatchWithin is firstMatch for the writer. It acquires no slot, and fails with
// errStepLimit when it has reached the step limit. It also returns the number of steps
// taken.
func firstMatchWithin(sn snapshot, q *query, after uint64, limit int) (position uint64, steps int, err error) {
	first, e := findFirst(q)
	e.meter.limit = limit
	for _, r := range sn.blockRanges(after+1, sn.head, index.Forwards) {
		more, err := e.slice(r)
		if err != nil || !more {
			return *first, e.meter.steps, err
		}
	}
	return 0, e.meter.steps, nil
}

// findFirst returns an evaluation that stops at the first match, and the variable that
// the evaluation sets to the position of the match.
func findFirst(q *query) (*uint64, *evaluation) {
	first := new(uint64)
	return first, &evaluation{query: q, direction: index.Forwards, visit: func(_ block, position uint64) (bool, error) {
		*first = position
		return false, nil
	}}
}
