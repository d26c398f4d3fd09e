package store

import (
	"context"
	"errors"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

// A query of one type takes steps for the bounds, and not for the events.
func TestCountOfTypeTakesFewSteps(t *testing.T) {
	s := newMemStore(t)
	if _, err := s.Append(t.Context(), alternating(60_000, "a", "b"), nil, nil); err != nil {
		t.Fatal(err)
	}
	bounds := []uint64{0, 7, 30_000, 59_000, 1 << 60}
	c := s.newEventCount(t.Context(), &record.CountRequest{Query: dcb.Query{Items: []dcb.QueryItem{{Types: []string{"t"}}}}, Bounds: bounds})
	if err := c.countTerms(c.query.exclusive()); err != nil {
		t.Fatal(err)
	}
	if blocks := len(s.states.current.Load().blocks) + len(s.states.current.Load().heads); c.meter.total > 2*(len(bounds)+2*blocks) {
		t.Errorf("%d steps for %d bounds in %d blocks", c.meter.total, len(bounds), blocks)
	}
}

// An evaluation that takes many steps needs a slot for expensive ones, and can be cancelled while
// it waits.
func TestCountOfManyMatchesIsExpensive(t *testing.T) {
	s := newMemStore(t)
	if _, err := s.Append(t.Context(), alternating(60_000, "a", "b"), nil, nil); err != nil {
		t.Fatal(err)
	}
	// One term is left, which is too few for an evaluation. It is granted while none waits.
	if err := s.slots.expensive.Acquire(t.Context(), expensiveTerms-1); err != nil {
		t.Fatal(err)
	}
	defer s.slots.expensive.Release(expensiveTerms - 1)
	query := dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"a"}}, {Tags: []string{"b"}}}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := s.CountEvents(ctx, query, []uint64{0, 60_000})
		ended <- err
	}()
	eventually(t, "the count waits for a slot", func() bool {
		if !s.slots.expensive.TryAcquire(1) {
			return true
		}
		s.slots.expensive.Release(1)
		return false
	})
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the count ends with %v", err)
	}
	counts, err := s.CountEvents(t.Context(), query, []uint64{0, 1000})
	if err != nil || counts[0] != 1000 {
		t.Errorf("a cheap count: %v, %v", counts, err)
	}
}
