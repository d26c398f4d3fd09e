package storetest

import (
	"context"
	"errors"
	"math"
	"slices"

	"pgregory.net/rapid"

	"github.com/umadb-go/umadb/dcb"
)

// countingRules apply to stores that implement dcb.TermIndex.
var countingRules = []rule{
	{name: "events are counted after a bound and up to the next one", better: true, check: func(s *fixture) {
		s.fill(3)
		s.fill(1, "x")
		s.fill(3)
		s.eachQuery(func(q dcb.Query) {
			s.wantCounts(q, []uint64{s.at(0), s.at(7)}, 7)
			s.wantCounts(q, []uint64{s.at(2), s.at(3), s.at(5)}, 1, 2)
		})
		s.wantCounts(s.mine("x"), []uint64{s.at(0), s.at(3), s.at(4), s.at(7)}, 0, 1, 0)
		s.wantCounts(dcb.Query{}, []uint64{s.at(0), s.at(3), s.at(4), s.at(7)}, 3, 1, 3)
	}},
	{name: "bounds may be equal and above the head", better: true, check: func(s *fixture) {
		s.fill(4)
		s.eachQuery(func(q dcb.Query) {
			s.wantCounts(q, []uint64{s.at(1), s.at(1), s.at(3), s.at(3), s.at(9), math.MaxUint64}, 0, 2, 0, 1, 0)
			s.wantCounts(q, []uint64{s.at(4), math.MaxUint64}, 0)
			s.wantCounts(q, []uint64{s.at(5), s.at(6)}, 0)
			s.wantCounts(q, []uint64{math.MaxUint64, math.MaxUint64}, 0)
		})
	}},
	{name: "many bounds are counted at once", better: true, check: func(s *fixture) {
		const n = dcb.MaxCountBounds - 1
		var bounds, want []uint64
		for i := range n {
			tag := []string{"even", "odd"}[i%2]
			bounds, want = append(bounds, s.at(i)), append(want, uint64(i%2))
			s.fill(1, tag)
		}
		s.wantCounts(s.mine("odd"), append(bounds, s.at(n)), want...)
	}},
	{name: "bounds that descend, and too few or too many, are refused", better: true, check: func(s *fixture) {
		s.fill(1)
		for _, bounds := range [][]uint64{nil, {1}, {2, 1}, {1, 2, 3, 2}, make([]uint64, dcb.MaxCountBounds+1)} {
			if _, err := s.countEvents(dcb.Query{}, bounds); err != nil {
				s.wantError(err, dcb.ErrInvalidArgument)
			} else if s.counts() {
				s.Errorf("events between %v were counted", abridge(bounds))
			}
		}
	}},
}

// counter is the part of dcb.TermIndex that counts events.
type counter interface {
	CountEvents(ctx context.Context, query dcb.Query, bounds []uint64) ([]uint64, error)
}

// counts reports whether the store counts events.
func (s *fixture) counts() bool {
	_, is := s.store.(counter)
	if is {
		_, err := s.countEvents(dcb.Query{}, []uint64{0, 0})
		is = !errors.Is(err, errors.ErrUnsupported)
	}
	return is
}

func (s *fixture) countEvents(query dcb.Query, bounds []uint64) ([]uint64, error) {
	store, is := s.store.(counter)
	if !is {
		return nil, nil
	}
	return store.CountEvents(s.ctx, query, bounds)
}

// wantCounts checks the numbers of events between bounds, if the store counts events.
func (s *fixture) wantCounts(query dcb.Query, bounds []uint64, want ...uint64) {
	s.Helper()
	if !s.counts() {
		return
	}
	got, err := s.countEvents(query, bounds)
	if err != nil || !slices.Equal(got, want) {
		s.Errorf("between %v, %v matches %v events (%v), want %v", abridge(bounds), query, abridge(got), err, abridge(want))
	}
}

// count compares the numbers of events between random bounds.
func (m *comparison) count(t *rapid.T) {
	store, is := m.store.(counter)
	if !is {
		t.Skip("the store does not count events")
	}
	query := drawQuery(t)
	var bounds []uint64
	for range rapid.IntRange(2, 6).Draw(t, "bounds") {
		bounds = append(bounds, drawPosition(t, m.last()))
	}
	slices.Sort(bounds)
	got, err := store.CountEvents(t.Context(), query, bounds)
	want, _ := m.naive.CountEvents(t.Context(), query, bounds)
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("between %v, %v matches %v events (%v), want %v", bounds, query, got, err, want)
	}
}

// CountEvents is TermIndex.CountEvents.
func (n *Naive) CountEvents(ctx context.Context, query dcb.Query, bounds []uint64) ([]uint64, error) {
	if err := n.usable(ctx); err != nil {
		return nil, err
	}
	if len(bounds) < 2 || len(bounds) > dcb.MaxCountBounds || !slices.IsSorted(bounds) {
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the bounds are not valid"}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	counts := make([]uint64, len(bounds)-1)
	for _, e := range n.events {
		for i := range counts {
			if e.Position > bounds[i] && e.Position <= bounds[i+1] && query.Matches(e.Event.Type, e.Event.Tags) {
				counts[i]++
			}
		}
	}
	return counts, nil
}
