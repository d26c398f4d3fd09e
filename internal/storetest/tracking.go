package storetest

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/umadb-go/umadb/dcb"
)

var trackingRules = []rule{
	{name: "an unknown source has no position", check: func(s *fixture) {
		s.wantNoTracking(s.tag)
		s.track(s.tag, 1, 1)
		s.wantNoTracking(s.tag + " ")
		s.wantNoTracking(s.tag[1:])
	}},
	{name: "the first position may have any value", check: func(s *fixture) {
		for i, position := range []uint64{0, 1, 17, math.MaxUint64} {
			source := fmt.Sprint(s.tag, i)
			s.track(source, position, 1)
			s.wantTracking(source, position)
		}
	}},
	{name: "a higher position is recorded", check: func(s *fixture) {
		for _, position := range []uint64{0, 1, 2, 1000, math.MaxUint64 - 1, math.MaxUint64} {
			s.track(s.tag, position, 1)
			s.wantTracking(s.tag, position)
		}
	}},
	{name: "the same position again is refused", check: func(s *fixture) {
		for i, position := range []uint64{0, 5, math.MaxUint64} {
			s.track(s.tag, position, 1)
			_, err := s.tryTrack(s.tag, position, 1)
			s.wantRefused(err, dcb.ErrIntegrity, i+1)
			s.wantTracking(s.tag, position)
		}
	}},
	{name: "a lower position is refused", check: func(s *fixture) {
		s.track(s.tag, 5, 1)
		for _, position := range []uint64{4, 0} {
			_, err := s.tryTrack(s.tag, position, 2)
			s.wantRefused(err, dcb.ErrIntegrity, 1)
			s.wantTracking(s.tag, 5)
		}
	}},
	{name: "sources are independent", check: func(s *fixture) {
		other := s.tag + " other"
		s.track(s.tag, 9, 1)
		s.track(other, 3, 1)
		s.wantTracking(s.tag, 9)
		s.wantTracking(other, 3)
		_, err := s.tryTrack(s.tag, 4, 1)
		s.wantRefused(err, dcb.ErrIntegrity, 2)
		s.track(other, 4, 1)
		s.wantTracking(s.tag, 9)
	}},
	{name: "a source may be any text", check: func(s *fixture) {
		for _, source := range []string{s.tag + "\x00", s.tag + "Größe/日本", s.tag + " "} {
			s.track(source, 2, 1)
			s.wantTracking(source, 2)
		}
	}},
	{name: "a source may be empty", empty: true, check: func(s *fixture) {
		s.wantNoTracking("")
		s.track("", 0, 1)
		s.wantTracking("", 0)
		_, err := s.tryTrack("", 0, 1)
		s.wantRefused(err, dcb.ErrIntegrity, 1)
		s.track("", 3, 1)
		s.wantTracking("", 3)
	}},
	{name: "a source must be UTF-8", check: func(s *fixture) {
		_, err := s.tryTrack(s.tag+"\xff", 1, 1)
		s.wantRefused(err, dcb.ErrInvalidArgument, 0)
	}},
	{name: "a failed condition does not advance tracking", check: func(s *fixture) {
		s.track(s.tag, 1, 1)
		condition := &dcb.AppendCondition{FailIfEventsMatch: s.mine()}
		_, err := s.store.Append(s.ctx, s.events(1), condition, &dcb.TrackingInfo{Source: s.tag, Position: 2})
		s.wantRefused(err, dcb.ErrIntegrity, 1)
		s.wantTracking(s.tag, 1)
		condition.After = s.at(1)
		position, err := s.store.Append(s.ctx, s.events(1), condition, &dcb.TrackingInfo{Source: s.tag, Position: 2})
		s.wantPosition(position, err, 2)
		s.wantTracking(s.tag, 2)
	}},
	{name: "a tracking conflict refuses an append whose condition holds", check: func(s *fixture) {
		s.track(s.tag, 5, 1)
		condition := &dcb.AppendCondition{FailIfEventsMatch: s.mine("nowhere")}
		_, err := s.store.Append(s.ctx, s.events(2), condition, &dcb.TrackingInfo{Source: s.tag, Position: 5})
		s.wantRefused(err, dcb.ErrIntegrity, 1)
	}},
	{name: "tracking is recorded without events", check: func(s *fixture) {
		s.fill(1)
		for _, position := range []uint64{3, 4} {
			got, err := s.tryTrack(s.tag, position, 0)
			s.wantPosition(got, err, 0)
			s.wantTracking(s.tag, position)
		}
		_, err := s.tryTrack(s.tag, 4, 0)
		s.wantRefused(err, dcb.ErrIntegrity, 1)
		_, err = s.tryTrack(s.tag, 4, 1)
		s.wantRefused(err, dcb.ErrIntegrity, 1)
	}},
	{name: "a failed condition without events does not advance tracking", better: true, check: func(s *fixture) {
		s.track(s.tag, 1, 1)
		condition := &dcb.AppendCondition{FailIfEventsMatch: s.mine()}
		_, err := s.store.Append(s.ctx, nil, condition, &dcb.TrackingInfo{Source: s.tag, Position: 2})
		s.wantRefused(err, dcb.ErrIntegrity, 1)
		s.wantTracking(s.tag, 1)
	}},
	{name: "tracking is returned with each event of the append", check: func(s *fixture) {
		s.fill(1)
		s.track(s.tag, 0, 2)
		s.fill(1)
		s.track(s.tag, 7, 3)
		zero, seven := &dcb.TrackingInfo{Source: s.tag}, &dcb.TrackingInfo{Source: s.tag, Position: 7}
		want := []*dcb.TrackingInfo{nil, zero, zero, nil, seven, seven, seven}
		for i, event := range s.read(s.mine(), dcb.ReadOptions{}) {
			if !sameTracking(event.Tracking, want[i]) {
				s.Errorf("event %d has tracking %v, want %v", i+1, event.Tracking, want[i])
			}
		}
	}},
	{name: "tracking survives later appends", check: func(s *fixture) {
		s.track(s.tag, 5, 1)
		for i := range 20 {
			s.fill(100)
			s.track(fmt.Sprint(s.tag, i), uint64(i), 1)
		}
		s.wantTracking(s.tag, 5)
		for i := range 20 {
			s.wantTracking(fmt.Sprint(s.tag, i), uint64(i))
		}
		_, err := s.tryTrack(s.tag, 5, 1)
		s.wantRefused(err, dcb.ErrIntegrity, 2021)
	}},
	{name: "one of many concurrent appends at the same position succeeds", check: func(s *fixture) {
		for round := 1; round <= 10; round++ {
			requests := s.events(32)
			var succeeded atomic.Int32
			s.concurrently(32, func(i int) {
				tracking := &dcb.TrackingInfo{Source: s.tag, Position: uint64(round)}
				_, err := s.store.Append(s.ctx, requests[i:i+1], nil, tracking)
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
			s.wantHead(round)
		}
	}},
}

// tryTrack appends n events with tracking.
func (s *fixture) tryTrack(source string, position uint64, n int) (uint64, error) {
	return s.store.Append(s.ctx, s.events(n), nil, &dcb.TrackingInfo{Source: source, Position: position})
}

// track calls tryTrack, which must succeed.
func (s *fixture) track(source string, position uint64, n int) {
	s.Helper()
	if _, err := s.tryTrack(source, position, n); err != nil {
		s.Fatalf("appending with %q at %d: %v", source, position, err)
	}
}
