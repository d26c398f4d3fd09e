package storetest

import (
	"sync"

	"github.com/umadb-go/umadb/dcb"
)

var positionRules = []rule{
	{name: "an empty store has no head", empty: true, check: func(s *scene) {
		if head := s.head(); head != 0 {
			s.Errorf("the head is %d", head)
		}
	}},
	{name: "the first event gets position 1", empty: true, check: func(s *scene) {
		if position := s.append(s.event()); position != 1 {
			s.Errorf("it got %d", position)
		}
	}},
	{name: "an append returns the position of its last event", check: func(s *scene) {
		for _, c := range []struct{ events, last int }{{1, 1}, {3, 4}, {2, 6}} {
			position, err := s.store.Append(s.ctx, s.events(c.events), nil, nil)
			s.wantPosition(position, err, c.last)
		}
	}},
	{name: "the head is the position of the last event", check: func(s *scene) {
		s.wantHead(0)
		s.fill(1)
		s.wantHead(1)
		s.fill(5)
		s.wantHead(6)
	}},
	{name: "positions have no gaps", check: func(s *scene) {
		for n := range 5 {
			s.fill(n + 1)
		}
		s.wantRead(s.mine(), dcb.ReadOptions{}, span(1, 15)...)
	}},
	{name: "a rejected append leaves no gap", check: func(s *scene) {
		s.fill(2)
		if _, err := s.appendIf(s.mine(), 0, s.events(3)...); err == nil {
			s.Errorf("a failed condition was not noticed")
		}
		twice := s.event()
		twice.Metadata = []dcb.Metadata{{Key: "key"}, {Key: "key"}}
		if _, err := s.store.Append(s.ctx, []dcb.Event{s.event(), twice}, nil, nil); err == nil {
			s.Errorf("a metadata key that comes twice was not noticed")
		}
		position, err := s.store.Append(s.ctx, s.events(1), nil, nil)
		s.wantPosition(position, err, 3)
		s.wantRead(s.mine(), dcb.ReadOptions{}, 1, 2, 3)
	}},
	{name: "what was appended is read at once", check: func(s *scene) {
		for n := 1; n <= 50; n++ {
			start := s.append(s.event())
			s.wantHead(n)
			s.wantRead(s.mine(), dcb.ReadOptions{Start: &start}, n)
		}
	}},
	{name: "concurrent appends share out the positions", check: concurrentAppends},
}

// concurrentAppends checks that each of many appends got positions in a row,
// that they were the ones it was told, and that they are all there are.
func concurrentAppends(s *scene) {
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
	s.together(32, func(int) {
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
		s.Fatalf("%d events were appended, and %d are stored", total, len(stored))
	}
	s.wantHead(total)
	for _, a := range all {
		first := int(a.end) - len(a.events) - int(s.base)
		if first < 0 || first+len(a.events) > total {
			s.Fatalf("an append of %d events was told that they end at %d", len(a.events), a.end)
		}
		for i, event := range a.events {
			s.wantEvent(stored[first+i].Event, event)
		}
	}
}
