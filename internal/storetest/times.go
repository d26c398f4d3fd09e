package storetest

import (
	"time"

	"github.com/umadb-go/umadb/dcb"
)

// timeRules are about recorded times, which the released server does not keep.
var timeRules = []rule{
	{name: "the recorded times never decrease", better: true, check: func(s *fixture) {
		var last time.Time
		for _, e := range s.recorded() {
			if e.RecordedAt.IsZero() || e.RecordedAt.Before(last) {
				s.Errorf("event %d was recorded at %v, the one before at %v", e.Position, e.RecordedAt, last)
			}
			last = e.RecordedAt
		}
	}},
	{name: "all events of an append have one recorded time", better: true, check: func(s *fixture) {
		events := s.recorded()
		if first, last := events[3].RecordedAt, events[5].RecordedAt; !first.Equal(last) {
			s.Errorf("the events of one append were recorded at %v and %v", first, last)
		}
	}},
	{name: "the position at a time is that of the last event recorded until then", better: true, check: func(s *fixture) {
		events := s.recorded()
		for _, e := range events {
			for _, at := range []time.Time{e.RecordedAt.Add(-time.Nanosecond), e.RecordedAt} {
				want := s.base
				for _, other := range events {
					if !other.RecordedAt.After(at) {
						want = other.Position
					}
				}
				s.wantPositionAt(at, want)
			}
		}
	}},
	{name: "the position at a time before all events is 0", better: true, check: func(s *fixture) {
		s.recorded()
		s.wantPositionAt(time.Unix(1, 0), 0)
	}},
	{name: "the position at a time in the future is the head", better: true, check: func(s *fixture) {
		s.recorded()
		s.wantPositionAt(time.Now().Add(time.Hour), s.at(8))
	}},
}

// recorded appends three events, three events together and two events, and returns all eight as
// they are read.
func (s *fixture) recorded() []dcb.SequencedEvent {
	s.Helper()
	for _, n := range []int{1, 1, 1, 3, 1, 1} {
		s.fill(n)
	}
	events, _, err := s.store.Read(s.ctx, s.mine(), dcb.ReadOptions{}).Collect()
	if err != nil || len(events) != 8 {
		s.Fatalf("%d events are read: %v", len(events), err)
	}
	return events
}

func (s *fixture) wantPositionAt(at time.Time, want uint64) {
	s.Helper()
	if position, err := s.store.PositionAt(s.ctx, at); err != nil || position != want {
		s.Errorf("the position at %v is %d (%v), want %d", at, position, err, want)
	}
}
