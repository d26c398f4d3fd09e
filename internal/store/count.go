package store

import (
	"context"
	"math"
	"sort"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/record"
)

const (
	// countAtATime is the number of matches that are counted with one slot.
	countAtATime = 256
	// stepsPerState is the number of steps after which a count acquires the current state again, so
	// that a long one does not keep obsolete files.
	stepsPerState = 1 << 20
)

// CountEvents implements dcb.TermIndex.
func (s *Store) CountEvents(ctx context.Context, query dcb.Query, bounds []uint64) ([]uint64, error) {
	r := &record.CountRequest{Query: query, Bounds: bounds}
	if err := r.Validate(&s.options.Limits); err != nil {
		return nil, err
	}
	return s.Count(ctx, r)
}

// Count returns the numbers of a valid request. In a store that another process writes, it may
// have to wait until ctx is done.
func (s *Store) Count(ctx context.Context, r *record.CountRequest) ([]uint64, error) {
	if err := s.refresh(ctx); err != nil {
		return nil, err
	}
	if err := s.gate.enter(ctx); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	c := s.newEventCount(ctx, r)
	var err error
	switch terms := c.query.exclusive(); {
	case c.query.all:
		c.countAll()
	case terms != nil:
		err = c.countTerms(terms)
	default:
		err = c.countMatches()
	}
	return c.counts, storeError(err, "counting events")
}

// eventCount counts the events that a query matches, between bounds. Events never change their
// position, so all numbers are those of the head, whichever states are used.
type eventCount struct {
	query  *query
	head   uint64
	bounds []uint64 // not above the head
	counts []uint64
	meter  meter
}

func (s *Store) newEventCount(ctx context.Context, r *record.CountRequest) *eventCount {
	c := &eventCount{
		query:  compile(s.hasher, r.Query),
		head:   s.published.Load().head,
		bounds: make([]uint64, len(r.Bounds)),
		counts: make([]uint64, len(r.Bounds)-1),
		meter:  meter{caller: caller{ctx: ctx, store: s}, limit: math.MaxInt},
	}
	for i, bound := range r.Bounds {
		c.bounds[i] = min(bound, c.head)
	}
	return c
}

// low and high are the first and the last position to be counted. There is none if low is above
// high.
func (c *eventCount) low() uint64  { return c.bounds[0] + 1 }
func (c *eventCount) high() uint64 { return c.bounds[len(c.bounds)-1] }

// countAll counts for a query that matches every event.
func (c *eventCount) countAll() {
	for i := range c.counts {
		c.counts[i] = c.bounds[i+1] - c.bounds[i]
	}
}

// countTerms counts the events that have one of some terms. No event may have two of them. Only the
// parts of the lists are read in which there is a bound. One term in one block is a slice.
func (c *eventCount) countTerms(terms []index.Term) error {
	s := c.meter.caller.store
	sn := snapshot{s.states.acquire(), c.head}
	defer sn.release()
	for _, r := range sn.blockRanges(c.low(), c.high(), index.Forwards) {
		for _, term := range terms {
			if err := c.countTerm(term, r); err != nil {
				s.markCorrupt(sn.blocks, err)
				return err
			}
		}
	}
	return nil
}

// countTerm adds the events in a block range that have a term.
func (c *eventCount) countTerm(term index.Term, r blockRange) error {
	acquired, err := c.meter.caller.store.slots.acquire(c.meter.caller.ctx, 1, c.meter.total)
	if err != nil {
		return err
	}
	defer acquired.release()
	if err := c.meter.step(); err != nil {
		return err
	}
	found, count, err := r.Postings(term, index.Forwards)
	if err != nil || count == 0 {
		return err
	}
	before, err := found.Rank(r.first)
	i := sort.Search(len(c.counts), func(i int) bool { return c.bounds[i+1] >= r.first })
	for ; err == nil && i < len(c.counts) && c.bounds[i] < r.last; i++ {
		if err := c.meter.step(); err != nil {
			return err
		}
		var upTo int
		upTo, err = found.Rank(min(c.bounds[i+1], r.last) + 1)
		c.counts[i] += uint64(upTo - before)
		before = upTo
	}
	return err
}

// countMatches evaluates the query as a read does.
func (c *eventCount) countMatches() error {
	next, i := c.low(), 0
	for next <= c.high() {
		var err error
		if next, err = c.countSome(next, &i); err != nil {
			return err
		}
	}
	return nil
}

// countSome counts some matches from a position on, with one state, and returns the position after
// them. i is the index of the count of the last one.
func (c *eventCount) countSome(low uint64, i *int) (next uint64, err error) {
	sn := snapshot{c.meter.caller.store.states.acquire(), c.head}
	defer sn.release()
	var m matches
	if err := m.start(c.meter.caller, sn, selection{c.query, low, c.high(), index.Forwards}); err != nil {
		return 0, err
	}
	m.meter.total = c.meter.total // an expensive evaluation stays one
	defer func() { c.meter.total = m.meter.total }()
	buffer := make([]uint64, 0, countAtATime)
	for m.meter.total-c.meter.total < c.meter.caller.store.slots.stateSteps {
		_, positions, err := m.next(buffer, countAtATime)
		if err != nil {
			return 0, err
		}
		if len(positions) == 0 {
			return c.high() + 1, nil
		}
		for _, position := range positions {
			for position > c.bounds[*i+1] {
				*i++
			}
			c.counts[*i]++
		}
		low = positions[len(positions)-1] + 1
	}
	return low, nil
}
