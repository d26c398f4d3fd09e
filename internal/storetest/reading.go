package storetest

import (
	"math"
	"slices"
	"sync/atomic"

	"github.com/umadb-go/umadb/dcb"
)

var readingRules = []rule{
	{name: "a read without start begins at the first event", check: func(s *fixture) {
		s.fill(3)
		s.eachQuery(func(q dcb.Query) { s.wantRead(q, dcb.ReadOptions{}, 1, 2, 3) })
	}},
	{name: "a backwards read without start begins at the last event", check: func(s *fixture) {
		s.fill(3)
		s.eachQuery(func(q dcb.Query) { s.wantRead(q, dcb.ReadOptions{Backwards: true}, 3, 2, 1) })
	}},
	{name: "start is inclusive forwards", check: func(s *fixture) {
		s.fill(3)
		s.eachQuery(func(q dcb.Query) { s.wantRead(q, dcb.ReadOptions{Start: new(s.at(2))}, 2, 3) })
	}},
	{name: "start is inclusive backwards", check: func(s *fixture) {
		s.fill(3)
		s.eachQuery(func(q dcb.Query) { s.wantRead(q, dcb.ReadOptions{Start: new(s.at(2)), Backwards: true}, 2, 1) })
	}},
	{name: "start 0 forwards reads from the first event", check: func(s *fixture) {
		s.fill(3)
		s.eachQuery(func(q dcb.Query) { s.wantRead(q, dcb.ReadOptions{Start: new(uint64(0))}, 1, 2, 3) })
	}},
	{name: "start 0 backwards returns no events", check: func(s *fixture) {
		s.fill(3)
		s.eachQuery(func(q dcb.Query) { s.wantRead(q, dcb.ReadOptions{Start: new(uint64(0)), Backwards: true}) })
	}},
	{name: "start past the head forwards returns no events", check: func(s *fixture) {
		s.fill(3)
		for _, start := range []uint64{s.at(4), s.at(1000), math.MaxUint64} {
			s.eachQuery(func(q dcb.Query) { s.wantRead(q, dcb.ReadOptions{Start: &start}) })
		}
	}},
	{name: "start past the head backwards reads from the head", check: func(s *fixture) {
		s.fill(3)
		for _, start := range []uint64{s.at(4), s.at(1000), math.MaxUint64} {
			s.eachQuery(func(q dcb.Query) { s.wantRead(q, dcb.ReadOptions{Start: &start, Backwards: true}, 3, 2, 1) })
		}
	}},
	{name: "start may be an event that does not match", check: func(s *fixture) {
		s.append(s.event("x"), s.event("y"), s.event("x"))
		s.wantRead(s.mine("x"), dcb.ReadOptions{Start: new(s.at(2))}, 3)
		s.wantRead(s.mine("x"), dcb.ReadOptions{Start: new(s.at(2)), Backwards: true}, 1)
	}},
	{name: "limit is the maximum number of events", check: func(s *fixture) {
		s.fill(4)
		limit := new(uint32(2))
		s.eachQuery(func(q dcb.Query) {
			s.wantRead(q, dcb.ReadOptions{Limit: limit}, 1, 2)
			s.wantRead(q, dcb.ReadOptions{Limit: limit, Start: new(s.at(2))}, 2, 3)
			s.wantRead(q, dcb.ReadOptions{Limit: limit, Backwards: true}, 4, 3)
			s.wantRead(q, dcb.ReadOptions{Limit: limit, Backwards: true, Start: new(s.at(3))}, 3, 2)
		})
	}},
	{name: "limit may exceed the number of events", check: func(s *fixture) {
		s.fill(3)
		for _, limit := range []uint32{3, 4, math.MaxUint32} {
			s.wantRead(s.mine(), dcb.ReadOptions{Limit: &limit}, 1, 2, 3)
			s.wantRead(s.mine(), dcb.ReadOptions{Limit: &limit, Backwards: true}, 3, 2, 1)
		}
	}},
	{name: "limit counts matching events", check: func(s *fixture) {
		s.append(s.event("x"), s.event("y"), s.event("y"), s.event("x"), s.event("x"))
		s.wantRead(s.mine("x"), dcb.ReadOptions{Limit: new(uint32(2))}, 1, 4)
		s.wantRead(s.mine("x"), dcb.ReadOptions{Limit: new(uint32(3)), Backwards: true}, 5, 4, 1)
	}},
	{name: "limit 0 returns no events and no head", check: func(s *fixture) {
		s.fill(3)
		for _, backwards := range []bool{false, true} {
			options := dcb.ReadOptions{Limit: new(uint32(0)), Backwards: backwards}
			s.wantRead(s.mine(), options)
			s.wantReadHead(s.mine(), options, 0)
		}
	}},
	{name: "an empty store returns no events and no head", empty: true, check: func(s *fixture) {
		for _, backwards := range []bool{false, true} {
			s.wantRead(dcb.Query{}, dcb.ReadOptions{Backwards: backwards})
			s.wantReadHead(dcb.Query{}, dcb.ReadOptions{Backwards: backwards}, 0)
		}
	}},
	{name: "head is the head of the store", check: func(s *fixture) {
		s.append(s.event("x"), s.event("y"), s.event("x"), s.event("y"))
		for _, backwards := range []bool{false, true} {
			s.wantReadHead(s.mine("x"), dcb.ReadOptions{Backwards: backwards}, s.at(4))
			s.wantReadHead(s.mine("x"), dcb.ReadOptions{Backwards: backwards, Start: new(s.at(2))}, s.at(4))
		}
	}},
	{name: "head is the head of the store when nothing matches", check: func(s *fixture) {
		s.fill(2)
		for _, backwards := range []bool{false, true} {
			s.wantReadHead(s.mine("nowhere"), dcb.ReadOptions{Backwards: backwards}, s.at(2))
			s.wantReadHead(s.mine(), dcb.ReadOptions{Start: new(s.at(1)), Backwards: backwards}, s.at(2))
		}
		s.wantReadHead(s.mine(), dcb.ReadOptions{Start: new(s.at(3))}, s.at(2))
		s.wantReadHead(s.mine(), dcb.ReadOptions{Start: new(uint64(0)), Backwards: true}, s.at(2))
	}},
	{name: "head does not change during a read", check: func(s *fixture) {
		s.append(s.event("x"), s.event("y"))
		response := s.store.Read(s.ctx, s.mine("x"), dcb.ReadOptions{})
		s.wantResponseHead(response, s.at(2))
		for event, err := range response.All() {
			if err != nil || event.Position != s.at(1) {
				s.Fatalf("the read returned event %d, error %v", event.Position, err)
			}
			s.wantResponseHead(response, s.at(2))
		}
		s.wantResponseHead(response, s.at(2))
	}},
	{name: "with a limit, head is the last event read", check: func(s *fixture) {
		s.append(s.event("x"), s.event("y"), s.event("x"), s.event("x"), s.event("y"))
		for _, c := range []struct {
			limit uint32
			back  bool
			head  int
		}{{2, false, 3}, {2, true, 3}, {3, false, 4}, {3, true, 1}, {9, false, 4}, {9, true, 1}} {
			s.wantReadHead(s.mine("x"), dcb.ReadOptions{Limit: &c.limit, Backwards: c.back}, s.at(c.head))
		}
	}},
	{name: "with a limit, there is no head when nothing matches", check: func(s *fixture) {
		s.fill(2)
		for _, backwards := range []bool{false, true} {
			s.wantReadHead(s.mine("nowhere"), dcb.ReadOptions{Limit: new(uint32(5)), Backwards: backwards}, 0)
		}
	}},
	{name: "a read does not see events appended after it started", check: func(s *fixture) {
		s.fill(3)
		s.eachQuery(func(q dcb.Query) {
			before := s.numbers(s.read(q, dcb.ReadOptions{}))
			response := s.store.Read(s.ctx, q, dcb.ReadOptions{})
			head, err := response.Head()
			s.fill(2)
			events, after, _ := response.Collect()
			if got := s.numbers(events); err != nil || !slices.Equal(got, before) || head != after || head != s.at(len(before)) {
				s.Errorf("the read returned events %v and heads %d and %d (%v), want events %v", got, head, after, err, before)
			}
		})
	}},
	{name: "a read may end early", check: func(s *fixture) {
		s.fill(3000)
		for range 20 {
			for event, err := range s.store.Read(s.ctx, s.mine(), dcb.ReadOptions{}).All() {
				if err != nil || event.Position != s.at(1) {
					s.Fatalf("the read returned event %d, error %v", event.Position, err)
				}
				break
			}
		}
		s.wantRead(s.mine(), dcb.ReadOptions{}, span(1, 3000)...)
	}},
	{name: "concurrent reads see whole appends in order", check: concurrentReads},
}

// wantReadHead checks the head of a read before the first and after the last event.
func (s *fixture) wantReadHead(query dcb.Query, options dcb.ReadOptions, want uint64) {
	s.Helper()
	s.wantResponseHead(s.store.Read(s.ctx, query, options), want)
	_, head, err := s.store.Read(s.ctx, query, options).Collect()
	if err != nil || head != want {
		s.Errorf("reading %v %s to the end returned head %d, error %v; want %d", query, describe(options), head, err, want)
	}
}

func (s *fixture) wantResponseHead(response *dcb.ReadResponse, want uint64) {
	s.Helper()
	head, err := response.Head()
	if err != nil || head != want {
		s.Errorf("head of a read is %d, error %v; want %d", head, err, want)
	}
}

// concurrentReads checks that no read returns a part of an append, a gap, or fewer
// events than an earlier one.
func concurrentReads(s *fixture) {
	const size, appends = 3, 60
	requests := make([][]dcb.Event, appends)
	for i := range requests {
		requests[i] = s.events(size)
	}
	var finished atomic.Bool
	wait := s.inBackground(1, func(int) {
		defer finished.Store(true)
		for _, events := range requests {
			if _, err := s.store.Append(s.ctx, events, nil, nil); err != nil {
				s.Errorf("appending: %v", err)
				return
			}
		}
	})
	s.concurrently(4, func(i int) {
		seen := 0
		for last := false; !last; {
			last = finished.Load()
			events, head, err := s.store.Read(s.ctx, s.mine(), dcb.ReadOptions{Backwards: i%2 == 1}).Collect()
			got := s.numbers(events)
			slices.Sort(got)
			n := len(got)
			if err != nil || n%size != 0 || n < seen || head != s.at(n) || n > 0 && !slices.Equal(got, span(1, n)) {
				s.Errorf("a read after one of %d events returned events %v with head %d, error %v", seen, abridge(got), head, err)
				return
			}
			seen = n
		}
		if seen != size*appends {
			s.Errorf("the last read returned %d events", seen)
		}
	})
	wait()
}
