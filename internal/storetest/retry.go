package storetest

import (
	"strings"

	"github.com/google/uuid"

	"github.com/umadb-go/umadb/dcb"
)

var retryRules = []rule{
	{name: "a repeated append returns the same position", check: func(s *fixture) {
		for n := 1; n <= 6; n += 2 {
			events := s.eventsWithUUID(n, "x")
			after := s.head()
			position, err := s.appendIf(s.mine(), after, events...)
			if err != nil {
				s.Fatalf("appending: %v", err)
			}
			for range 3 {
				again, err := s.appendIf(s.mine(), after, events...)
				s.wantPosition(again, err, int(position-s.base))
				s.wantHead(int(position - s.base))
			}
		}
	}},
	{name: "a retry is recognised after later appends", check: func(s *fixture) {
		events := s.eventsWithUUID(3)
		s.append(events...)
		s.fill(1500)
		position, err := s.appendIf(s.mine(), 0, events...)
		s.wantPosition(position, err, 3)
		s.wantHead(1503)
	}},
	{name: "a retry is recognised with a condition after some position", check: func(s *fixture) {
		s.fill(5)
		events := s.eventsWithUUID(2)
		s.append(events...)
		position, err := s.appendIf(s.mine(), s.at(5), events...)
		s.wantPosition(position, err, 7)
	}},
	{name: "a retry is recognised with an empty query", check: func(s *fixture) {
		s.fill(1)
		events := s.eventsWithUUID(2)
		for range 2 {
			position, err := s.appendIf(dcb.Query{}, s.at(1), events...)
			s.wantPosition(position, err, 3)
		}
	}},
	{name: "a prefix of the events is a retry", check: func(s *fixture) {
		stored := s.stored(3)
		for n := 1; n <= 3; n++ {
			position, err := s.appendIf(s.mine(), 0, stored[:n]...)
			s.wantPosition(position, err, n)
		}
		s.wantHead(3)
	}},
	notRetry("a suffix of the events is not a retry", func(e []dcb.Event, _ dcb.Event) []dcb.Event { return e[1:] }),
	notRetry("another order is not a retry", func(e []dcb.Event, _ dcb.Event) []dcb.Event { return []dcb.Event{e[1], e[0]} }),
	notRetry("a replaced event is not a retry", func(e []dcb.Event, x dcb.Event) []dcb.Event { return []dcb.Event{e[0], x} }),
	notRetry("an additional first event is not a retry", func(e []dcb.Event, x dcb.Event) []dcb.Event { return []dcb.Event{x, e[0], e[1]} }),
	notRetry("an additional last event is not a retry", func(e []dcb.Event, x dcb.Event) []dcb.Event { return []dcb.Event{e[0], e[1], x} }),
	notRetry("other events are not a retry", func(_ []dcb.Event, x dcb.Event) []dcb.Event { return []dcb.Event{x} }),
	notRetry("the same event twice is not a retry", func(e []dcb.Event, _ dcb.Event) []dcb.Event { return []dcb.Event{e[0], e[0]} }),
	notRetry("with one event without UUID it is not a retry", func(e []dcb.Event, _ dcb.Event) []dcb.Event {
		return []dcb.Event{e[0], {Type: e[1].Type, Tags: e[1].Tags, Data: e[1].Data}}
	}),
	{name: "events without UUIDs are never a retry", check: func(s *fixture) {
		events := s.events(2)
		s.append(events...)
		_, err := s.appendIf(s.mine(), 0, events...)
		s.wantRefused(err, dcb.ErrIntegrity, 2)
	}},
	{name: "an append that repeats a UUID is never a retry", check: func(s *fixture) {
		events := s.eventsWithUUID(2)
		events[1].UUID = events[0].UUID
		s.append(events...)
		_, err := s.appendIf(s.mine(), 0, events...)
		s.wantRefused(err, dcb.ErrIntegrity, 2)
	}},
	{name: "only UUIDs are compared", check: func(s *fixture) {
		stored := s.stored(2)
		position, err := s.appendIf(s.mine(), 0, dcb.Event{UUID: stored[0].UUID}, dcb.Event{UUID: stored[1].UUID, Type: "other"})
		s.wantPosition(position, err, 2)
		s.wantHead(2)
	}},
	{name: "the form of a UUID does not matter", check: func(s *fixture) {
		stored := s.stored(2)
		stored[0].UUID = strings.ToUpper(stored[0].UUID)
		stored[1].UUID = uuid.MustParse(stored[1].UUID).URN()
		position, err := s.appendIf(s.mine(), 0, stored...)
		s.wantPosition(position, err, 2)
		s.wantHead(2)
	}},
	{name: "with another conflicting event it is not a retry", check: func(s *fixture) {
		s.fill(1, "x")
		events := s.eventsWithUUID(2, "x")
		s.append(events...)
		_, err := s.appendIf(s.mine("x"), 0, events...)
		s.wantRefused(err, dcb.ErrIntegrity, 3)
	}},
	{name: "events that are not contiguous are not a retry", check: func(s *fixture) {
		events := s.eventsWithUUID(2)
		s.append(events[0], s.event(), events[1])
		_, err := s.appendIf(s.mine(), 0, events...)
		s.wantRefused(err, dcb.ErrIntegrity, 3)
	}},
	{name: "events that begin at or below after are not a retry", check: func(s *fixture) {
		events := s.eventsWithUUID(2)
		s.append(events...)
		_, err := s.appendIf(s.mine(), s.at(1), events...)
		s.wantRefused(err, dcb.ErrIntegrity, 2)
	}},
	{name: "events of several appends are a retry", check: func(s *fixture) {
		events := s.eventsWithUUID(3)
		s.append(events[0])
		s.append(events[1:]...)
		position, err := s.appendIf(s.mine(), 0, events...)
		s.wantPosition(position, err, 3)
		s.wantHead(3)
	}},
	{name: "the query may match only some of the events", better: true, check: func(s *fixture) {
		events := append(s.eventsWithUUID(2), s.eventsWithUUID(1, "x")...)
		for range 3 {
			position, err := s.appendIf(s.mine("x"), 0, events...)
			s.wantPosition(position, err, 3)
			s.wantHead(3)
		}
		_, err := s.appendIf(s.mine("x"), s.at(1), events...)
		s.wantRefused(err, dcb.ErrIntegrity, 3)
	}},
	{name: "events that the condition does not match are written again", check: func(s *fixture) {
		events := s.eventsWithUUID(2)
		for n := 2; n <= 6; n += 2 {
			position, err := s.appendIf(s.mine("nowhere"), 0, events...)
			s.wantPosition(position, err, n)
		}
	}},
	{name: "without a condition nothing is a retry", check: func(s *fixture) {
		events := s.eventsWithUUID(2)
		for n := 2; n <= 6; n += 2 {
			position, err := s.store.Append(s.ctx, events, nil, nil)
			s.wantPosition(position, err, n)
		}
		s.wantRead(s.mine(), dcb.ReadOptions{}, span(1, 6)...)
	}},
	{name: "the first of several copies counts", check: func(s *fixture) {
		events := s.eventsWithUUID(2)
		s.append(events...)
		s.append(events...)
		s.wantHead(4)
		position, err := s.appendIf(s.mine(), 0, events...)
		s.wantPosition(position, err, 2)
		position, err = s.appendIf(s.mine(), s.at(2), events...)
		s.wantPosition(position, err, 4)
		s.wantHead(4)
	}},
	{name: "the tracking of a retry is ignored", check: func(s *fixture) {
		events, condition := s.eventsWithUUID(2), &dcb.AppendCondition{FailIfEventsMatch: s.mine()}
		for _, position := range []uint64{5, 5, 4, 6} {
			last, err := s.store.Append(s.ctx, events, condition, &dcb.TrackingInfo{Source: s.tag, Position: position})
			s.wantPosition(last, err, 2)
			s.wantTracking(s.tag, 5)
		}
	}},
	{name: "concurrent copies of an append are written once", check: func(s *fixture) {
		for round := 1; round <= 10; round++ {
			events, after := s.eventsWithUUID(3), s.head()
			s.concurrently(16, func(int) {
				position, err := s.appendIf(s.mine(), after, events...)
				s.wantPosition(position, err, 3*round)
			})
			s.wantHead(3 * round)
		}
	}},
}

// stored appends n events that have UUIDs.
func (s *fixture) stored(n int) []dcb.Event {
	events := s.eventsWithUUID(n)
	s.append(events...)
	return events
}

// notRetry returns a rule for an append that resembles a retry but is not one. The
// request is made from two stored events and another.
func notRetry(name string, request func(stored []dcb.Event, other dcb.Event) []dcb.Event) rule {
	return rule{name: name, check: func(s *fixture) {
		stored := s.stored(2)
		_, err := s.appendIf(s.mine(), 0, request(stored, s.eventsWithUUID(1)[0])...)
		s.wantRefused(err, dcb.ErrIntegrity, 2)
	}}
}
