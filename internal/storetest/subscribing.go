package storetest

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

var subscribingRules = []rule{
	{name: "after is exclusive", check: func(s *fixture) {
		s.fill(4)
		s.eachQuery(func(q dcb.Query) { s.subscribe(q, s.at(2)).want(3, 4) })
	}},
	{name: "after 0 starts at the first event", check: func(s *fixture) {
		s.fill(3)
		s.eachQuery(func(q dcb.Query) { s.subscribe(q, 0).want(1, 2, 3) })
	}},
	{name: "a subscription after the head waits for new events", check: func(s *fixture) {
		s.fill(2)
		sub := s.subscribeLive(s.mine(), s.at(2))
		s.fill(2)
		sub.want(3, 4)
		s.fill(1)
		sub.want(5)
	}},
	{name: "after past the head skips the events up to it", check: func(s *fixture) {
		s.fill(2)
		sub := s.subscribeLive(s.mine(), s.at(4))
		for range 4 {
			s.fill(1)
		}
		sub.want(5, 6)
	}},
	{name: "after the maximum position nothing is delivered", check: func(s *fixture) {
		s.fill(1)
		sub := s.subscribeLive(s.mine(), math.MaxUint64)
		s.fill(3)
		s.subscribe(s.mine(), s.at(1)).want(2, 3, 4) // allows sub the time to deliver them, too
		select {
		case got := <-sub.items:
			s.Errorf("event %d was delivered, error %v", got.event.Position, got.err)
		case <-time.After(20 * time.Millisecond):
		}
	}},
	{name: "an empty store can be subscribed to", empty: true, check: func(s *fixture) {
		everything, mine := s.subscribeLive(dcb.Query{}, 0), s.subscribeLive(s.mine(), 0)
		s.fill(2)
		everything.want(1, 2)
		mine.want(1, 2)
	}},
	{name: "only matching events are delivered, stored or new", check: func(s *fixture) {
		s.append(s.event("x"), s.event("y"), s.event("x"))
		sub := s.subscribe(s.mine("x"), s.base)
		sub.want(1, 3)
		s.append(s.event("y"), s.event("x"))
		s.append(s.event("y"))
		s.append(s.event("x"), s.event("y"))
		sub.want(5, 7)
	}},
	{name: "a query without items selects every event", check: func(s *fixture) {
		s.fill(2)
		sub := s.subscribe(dcb.Query{}, s.base)
		sub.want(1, 2)
		s.append(dcb.Event{})
		s.append(dcb.Event{Type: "other"})
		sub.want(3, 4)
	}},
	{name: "events are delivered unchanged", check: func(s *fixture) {
		events := s.eventsWithUUID(2, "x", "y")
		events[1].Metadata = []dcb.Metadata{{Key: "b", Value: "1"}, {Key: "a", Value: "2"}}
		tracking := &dcb.TrackingInfo{Source: s.tag, Position: 7}
		sub := s.subscribe(s.mine(), s.base)
		if _, err := s.store.Append(s.ctx, events, nil, tracking); err != nil {
			s.Fatalf("appending: %v", err)
		}
		for i, event := range events {
			got, want := sub.next(), dcb.SequencedEvent{Position: s.at(i + 1), Event: event, Tracking: tracking}
			if !sameSequenced(got, want) {
				s.Errorf("event %d is %s, tracking %v", got.Position, brief(got.Event), got.Tracking)
			}
		}
	}},
	{name: "a query that rarely matches misses no event", check: func(s *fixture) {
		sub := s.subscribe(s.mine("rare"), s.base)
		for n := 1; n <= 3; n++ {
			s.fill(1999)
			s.fill(1, "rare")
			sub.want(n * 2000)
		}
	}},
	{name: "catching up takes many batches", check: func(s *fixture) {
		s.fill(5000)
		s.eachQuery(func(q dcb.Query) { s.subscribe(q, s.at(100)).want(span(101, 5000)...) })
	}},
	{name: "catching up becomes live without gap or duplicate", check: catchUpIntoLive},
	{name: "every subscription gets every event", check: func(s *fixture) {
		subs := []*stream{s.subscribeLive(s.mine(), s.base)}
		for range 15 {
			subs = append(subs, s.subscribe(s.mine(), s.base))
		}
		for range 20 {
			s.fill(2)
		}
		for _, sub := range subs {
			sub.want(span(1, 40)...)
		}
	}},
	{name: "a slow subscription misses no event and blocks no append", check: func(s *fixture) {
		sub := s.subscribeLive(s.mine(), s.base)
		for range 50 {
			s.fill(100)
		}
		sub.want(span(1, 5000)...)
	}},
	{name: "a subscription restarts each time it is ranged over", check: func(s *fixture) {
		s.fill(3)
		sequence := s.store.Subscribe(s.ctx, s.mine(), s.at(1))
		for range 3 {
			n := 2
			for event, err := range sequence {
				if err != nil || event.Position != s.at(n) {
					s.Fatalf("event %d was delivered, error %v; want %d", event.Position, err, s.at(n))
				}
				if n++; n > 3 {
					break
				}
			}
		}
	}},
	{name: "a subscription ends with the error of its context", check: func(s *fixture) {
		waiting := s.subscribe(s.mine(), s.base)
		s.fill(3)
		waiting.want(1, 2, 3)
		waiting.cancel()
		waiting.wantEnd(context.Canceled)
		catchingUp := s.subscribe(s.mine(), s.base)
		catchingUp.want(1)
		catchingUp.cancel()
		catchingUp.wantEnd(context.Canceled)
	}},
	{name: "a subscription ends without error when the store is closed", check: func(s *fixture) {
		s.fill(1)
		subs := []*stream{s.subscribe(s.mine(), s.base), s.subscribeLive(s.mine("nowhere"), s.base)}
		subs[0].want(1)
		if err := s.store.Close(); err != nil {
			s.Errorf("closing: %v", err)
		}
		for _, sub := range subs {
			sub.wantEnd(nil)
		}
	}},
}

// catchUpIntoLive starts subscriptions during concurrent appends, which continue
// until the subscriptions have caught up.
func catchUpIntoLive(s *fixture) {
	const stored, more = 3000, 1000
	s.fill(stored)
	plain, odd := s.event(), s.event("odd")
	var enough atomic.Bool
	wait := s.inBackground(4, func(int) {
		for !enough.Load() && s.ctx.Err() == nil {
			if _, err := s.store.Append(s.ctx, []dcb.Event{plain, odd, plain}, nil, nil); err != nil {
				s.Errorf("appending: %v", err)
				return
			}
		}
	})
	s.Cleanup(func() { enough.Store(true) })
	all, some := s.subscribe(s.mine(), s.base), s.subscribe(s.mine("odd"), s.at(stored))
	all.want(span(1, stored+more)...)
	enough.Store(true)
	wait()
	head := int(s.head() - s.base)
	all.want(span(stored+more+1, head)...)
	for n := stored + 2; n <= head; n += 3 {
		some.want(n)
	}
}
