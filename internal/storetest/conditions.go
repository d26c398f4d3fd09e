package storetest

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/umadb-go/umadb/dcb"
)

var conditionRules = []rule{
	{name: "the append succeeds if nothing matches", check: func(s *fixture) {
		s.fill(2, "x")
		position, err := s.appendIf(s.mine("y"), 0, s.events(2, "y")...)
		s.wantPosition(position, err, 4)
	}},
	{name: "the append fails if an event matches", check: func(s *fixture) {
		s.fill(2, "x")
		_, err := s.appendIf(s.mine("x"), 0, s.events(2)...)
		s.wantRefused(err, dcb.ErrIntegrity, 2)
		s.wantRead(s.mine(), dcb.ReadOptions{}, 1, 2)
	}},
	{name: "after 0 covers the whole history", check: func(s *fixture) {
		s.fill(1, "x")
		s.fill(1500)
		_, err := s.appendIf(s.mine("x"), 0, s.event())
		s.wantRefused(err, dcb.ErrIntegrity, 1501)
	}},
	{name: "after is exclusive", check: func(s *fixture) {
		s.fill(3)
		s.eachQuery(func(q dcb.Query) {
			head := int(s.head() - s.base)
			_, err := s.appendIf(q, s.at(head-1), s.event())
			s.wantRefused(err, dcb.ErrIntegrity, head)
			position, err := s.appendIf(q, s.at(head), s.event())
			s.wantPosition(position, err, head+1)
		})
	}},
	{name: "after past the head nothing conflicts", check: func(s *fixture) {
		s.fill(3)
		position, err := s.appendIf(s.mine(), s.at(4), s.event())
		s.wantPosition(position, err, 4)
		position, err = s.appendIf(s.mine(), s.at(1_000_000), s.event())
		s.wantPosition(position, err, 5)
	}},
	{name: "after the maximum position nothing conflicts", better: true, check: func(s *fixture) {
		s.fill(3)
		position, err := s.appendIf(s.mine(), math.MaxUint64, s.event())
		s.wantPosition(position, err, 4)
		position, err = s.appendIf(dcb.Query{}, math.MaxUint64, s.event())
		s.wantPosition(position, err, 5)
	}},
	{name: "an empty query matches every event", check: func(s *fixture) {
		s.fill(3)
		for _, q := range []dcb.Query{{}, {Items: []dcb.QueryItem{}}, {Items: []dcb.QueryItem{{}}}} {
			for _, after := range []uint64{0, s.at(2)} {
				_, err := s.appendIf(q, after, s.event())
				s.wantRefused(err, dcb.ErrIntegrity, 3)
			}
		}
		position, err := s.appendIf(dcb.Query{}, s.at(3), s.event())
		s.wantPosition(position, err, 4)
	}},
	{name: "nothing conflicts in an empty store", empty: true, check: func(s *fixture) {
		position, err := s.appendIf(dcb.Query{}, 0, s.events(2)...)
		s.wantPosition(position, err, 2)
	}},
	{name: "an append does not conflict with its own events", check: func(s *fixture) {
		position, err := s.appendIf(s.mine(), 0, s.events(3)...)
		s.wantPosition(position, err, 3)
		position, err = s.appendIf(s.mine(), s.at(3), s.events(3)...)
		s.wantPosition(position, err, 6)
	}},
	{name: "the error has the first conflicting event", better: true, check: func(s *fixture) {
		s.append(s.event(), s.event("x"), s.event("y"), s.event("x"), s.event("y"))
		s.wantConflict(s.mine("x"), 0, 2)
		s.wantConflict(s.mine("x"), s.at(2), 4)
		s.wantConflict(s.mine("y"), s.at(1), 3)
		s.wantConflict(s.mine(), s.base, 1)
		s.wantConflict(dcb.Query{}, s.at(2), 3)
		s.wantConflict(dcb.Query{Items: append(s.mine("y").Items, s.mine("x").Items...)}, s.base, 2)
	}},
	{name: "the condition of an append without events is checked", better: true, check: func(s *fixture) {
		s.fill(1)
		_, err := s.appendIf(s.mine(), 0)
		s.wantRefused(err, dcb.ErrIntegrity, 1)
		position, err := s.appendIf(s.mine(), s.at(1))
		s.wantPosition(position, err, 0)
		s.wantHead(1)
	}},
	{name: "one of many concurrent appends with the same condition succeeds", check: func(s *fixture) {
		for round := range 12 {
			tag := fmt.Sprint("round ", round)
			requests := s.events(64, tag)
			var succeeded atomic.Int32
			s.concurrently(64, func(i int) {
				_, err := s.appendIf(s.mine(tag), 0, requests[i])
				switch {
				case err == nil:
					succeeded.Add(1)
				case !errors.Is(err, dcb.ErrIntegrity):
					s.Errorf("appending: %v", err)
				}
			})
			if succeeded.Load() != 1 {
				s.Errorf("%d appends succeeded, want 1", succeeded.Load())
			}
			s.wantRead(s.mine(tag), dcb.ReadOptions{}, round+1)
		}
	}},
	{name: "concurrent appends with different conditions all succeed", check: func(s *fixture) {
		requests := s.events(64)
		s.concurrently(64, func(i int) {
			tag := fmt.Sprint(s.tag, i)
			requests[i].Tags = append(requests[i].Tags, tag)
			if _, err := s.appendIf(tagged(tag), 0, requests[i]); err != nil {
				s.Errorf("appending: %v", err)
			}
		})
		s.wantHead(64)
	}},
	{name: "concurrent read-decide-append cycles lose no update", check: countConcurrently},
	{name: "concurrent appends are serializable", check: serializable},
}

// wantConflict checks that a condition fails because of the fixture's nth event.
func (s *fixture) wantConflict(query dcb.Query, after uint64, n int) {
	s.Helper()
	_, err := s.appendIf(query, after, s.event())
	s.wantError(err, dcb.ErrIntegrity)
	if e, ok := errors.AsType[*dcb.Error](err); !ok || e.ConflictPosition != s.at(n) {
		s.Errorf("error is %#v, want a conflict with event %d", err, s.at(n))
	}
}

// countConcurrently runs goroutines that each count the events and append the next
// number on condition that there is no newer event.
func countConcurrently(s *fixture) {
	const counters, steps = 8, 15
	s.concurrently(counters, func(int) {
		for done := 0; done < steps; {
			read, head, err := s.store.Read(s.ctx, s.mine(), dcb.ReadOptions{}).Collect()
			if err != nil {
				s.Errorf("reading: %v", err)
				return
			}
			next := dcb.Event{Type: s.kind, Tags: list{s.tag}, Data: fmt.Append(nil, len(read)+1)}
			_, err = s.appendIf(s.mine(), head, next)
			if err == nil {
				done++
			} else if !errors.Is(err, dcb.ErrIntegrity) {
				s.Errorf("appending: %v", err)
				return
			}
		}
	})
	counted := s.read(s.mine(), dcb.ReadOptions{})
	if len(counted) != counters*steps {
		s.Fatalf("there are %d events, want %d", len(counted), counters*steps)
	}
	for i, event := range counted {
		if string(event.Event.Data) != fmt.Sprint(i+1) {
			s.Fatalf("event %d has the value %s", i+1, event.Event.Data)
		}
	}
}
