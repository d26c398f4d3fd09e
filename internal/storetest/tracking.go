package storetest

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/umadb-go/umadb/dcb"
)

var trackingRules = []rule{
	{name: "an unknown source has no position", check: func(s *scene) {
		s.wantNoTracking(s.tag)
		s.track(s.tag, 1, 1)
		s.wantNoTracking(s.tag + " ")
		s.wantNoTracking(s.tag[1:])
	}},
	{name: "the first position may be anything", check: func(s *scene) {
		for i, position := range []uint64{0, 1, 17, math.MaxUint64} {
			source := fmt.Sprint(s.tag, i)
			s.track(source, position, 1)
			s.wantTracking(source, position)
		}
	}},
	{name: "a greater position is recorded", check: func(s *scene) {
		for _, position := range []uint64{0, 1, 2, 1000, math.MaxUint64 - 1, math.MaxUint64} {
			s.track(s.tag, position, 1)
			s.wantTracking(s.tag, position)
		}
	}},
	{name: "the same position again is refused", check: func(s *scene) {
		for i, position := range []uint64{0, 5, math.MaxUint64} {
			s.track(s.tag, position, 1)
			_, err := s.tryTrack(s.tag, position, 1)
			s.wantRefused(err, dcb.ErrIntegrity, i+1)
			s.wantTracking(s.tag, position)
		}
	}},
	{name: "a lower position is refused", check: func(s *scene) {
		s.track(s.tag, 5, 1)
		for _, position := range []uint64{4, 0} {
			_, err := s.tryTrack(s.tag, position, 2)
			s.wantRefused(err, dcb.ErrIntegrity, 1)
			s.wantTracking(s.tag, 5)
		}
	}},
	{name: "sources are independent", check: func(s *scene) {
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
	{name: "a source may be any text", check: func(s *scene) {
		for _, source := range []string{s.tag + "\x00", s.tag + "Größe/日本", s.tag + " "} {
			s.track(source, 2, 1)
			s.wantTracking(source, 2)
		}
	}},
	{name: "a source may be empty", empty: true, check: func(s *scene) {
		s.wantNoTracking("")
		s.track("", 0, 1)
		s.wantTracking("", 0)
		_, err := s.tryTrack("", 0, 1)
		s.wantRefused(err, dcb.ErrIntegrity, 1)
		s.track("", 3, 1)
		s.wantTracking("", 3)
	}},
	{name: "a source must be UTF-8", check: func(s *scene) {
		_, err := s.tryTrack(s.tag+"\xff", 1, 1)
		s.wantRefused(err, dcb.ErrInvalidArgument, 0)
	}},
	{name: "a failed condition does not advance it", check: func(s *scene) {
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
	{name: "an append that holds its condition is refused by it all the same", check: func(s *scene) {
		s.track(s.tag, 5, 1)
		condition := &dcb.AppendCondition{FailIfEventsMatch: s.mine("nowhere")}
		_, err := s.store.Append(s.ctx, s.events(2), condition, &dcb.TrackingInfo{Source: s.tag, Position: 5})
		s.wantRefused(err, dcb.ErrIntegrity, 1)
	}},
	{name: "it is recorded without events", check: func(s *scene) {
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
	{name: "without events a failed condition does not advance it", better: true, check: func(s *scene) {
		s.track(s.tag, 1, 1)
		condition := &dcb.AppendCondition{FailIfEventsMatch: s.mine()}
		_, err := s.store.Append(s.ctx, nil, condition, &dcb.TrackingInfo{Source: s.tag, Position: 2})
		s.wantRefused(err, dcb.ErrIntegrity, 1)
		s.wantTracking(s.tag, 1)
	}},
	{name: "it comes back on each event of the append", check: func(s *scene) {
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
	{name: "it is kept through what comes after", check: func(s *scene) {
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
	{name: "of many concurrent appends at one position one wins", check: func(s *scene) {
		for round := 1; round <= 10; round++ {
			requests := s.events(32)
			var won atomic.Int32
			s.together(32, func(i int) {
				tracking := &dcb.TrackingInfo{Source: s.tag, Position: uint64(round)}
				_, err := s.store.Append(s.ctx, requests[i:i+1], nil, tracking)
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, dcb.ErrIntegrity):
					s.Errorf("appending: %v", err)
				}
			})
			if won.Load() != 1 {
				s.Errorf("%d appends won", won.Load())
			}
			s.wantHead(round)
		}
	}},
}

// tryTrack appends n events with tracking.
func (s *scene) tryTrack(source string, position uint64, n int) (uint64, error) {
	return s.store.Append(s.ctx, s.events(n), nil, &dcb.TrackingInfo{Source: source, Position: position})
}

// track is a tryTrack that must succeed.
func (s *scene) track(source string, position uint64, n int) {
	s.Helper()
	if _, err := s.tryTrack(source, position, n); err != nil {
		s.Fatalf("appending with %q at %d: %v", source, position, err)
	}
}
