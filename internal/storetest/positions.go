package storetest

import (
	"sync"

	"github.com/umadb-go/umadb/dcb"
)

var positionRules = []rule{
	{name: "the head of an empty store is 0", empty: true, check: func(s *fixture) {
		if head := s.head(); head != 0 {
			s.Errorf("head is %d", head)
		}
	}},
	{name: "the first event has position 1", empty: true, check: func(s *fixture) {
		if position := s.append(s.event()); position != 1 {
			s.Errorf("position is %d", position)
		}
	}},
	{name: "an append returns the position of its last event", check: func(s *fixture) {
		for _, c := range []struct{ events, last int }{{1, 1}, {3, 4}, {2, 6}} {
			position, err := s.store.Append(s.ctx, s.events(c.events), nil, nil)
			s.wantPosition(position, err, c.last)
		}
	}},
	{name: "the head is the position of the last event", check: func(s *fixture) {
		s.wantHead(0)
		s.fill(1)
		s.wantHead(1)
		s.fill(5)
		s.wantHead(6)
	}},
	{name: "positions have no gaps", check: func(s *fixture) {
		for n := range 5 {
			s.fill(n + 1)
		}
		s.wantRead(s.mine(), dcb.ReadOptions{}, span(1, 15)...)
	}},
	{name: "a rejected append leaves no gap", check: func(s *fixture) {
		s.fill(2)
		if _, err := s.appendIf(s.mine(), 0, s.events(3)...); err == nil {
			s.Errorf("an append with a failed condition was accepted")
		}
		twice := s.event()
		twice.Metadata = []dcb.Metadata{{Key: "key"}, {Key: "key"}}
		if _, err := s.store.Append(s.ctx, []dcb.Event{s.event(), twice}, nil, nil); err == nil {
			s.Errorf("a repeated metadata key was accepted")
		}
		position, err := s.store.Append(s.ctx, s.events(1), nil, nil)
		s.wantPosition(position, err, 3)
		s.wantRead(s.mine(), dcb.ReadOptions{}, 1, 2, 3)
	}},
	{name: "appended events can be read at once", check: func(s *fixture) {
		for n := 1; n <= 50; n++ {
			start := s.append(s.event())
			s.wantHead(n)
			s.wantRead(s.mine(), dcb.ReadOptions{Start: &start}, n)
		}
	}},
	{name: "concurrent appends get consecutive positions", check: concurrentAppends},
}

// concurrentAppends checks that each of many appends got consecutive positions
// that end at the returned one, and that there are no other events.
func concurrentAppends(s *fixture) {
	type appended struct {
		end    uint64
		events []dcb.Event
	}
	var mu sync.Mutex
	var all []appended
	total := 0
	requests := make(chan []dcb.Event, 256)
	for i := range cap(requests) {
		requests <- s.events(1 + i%5)
	}
	close(requests)
	s.concurrently(32, func(int) {
		for events := range requests {
			end, err := s.store.Append(s.ctx, events, nil, nil)
			if err != nil {
				s.Errorf("appending: %v", err)
				return
			}
			mu.Lock()
			all = append(all, appended{end, events})
			total += len(events)
			mu.Unlock()
		}
	})
	stored := s.read(s.mine(), dcb.ReadOptions{})
	if len(stored) != total {
		s.Fatalf("%d events are stored, want %d", len(stored), total)
	}
	s.wantHead(total)
	for _, a := range all {
		first := int(a.end) - len(a.events) - int(s.base)
		if first < 0 || first+len(a.events) > total {
			s.Fatalf("an append of %d events returned %d", len(a.events), a.end)
		}
		for i, event := range a.events {
			s.wantEvent(stored[first+i].Event, event)
		}
	}
}
