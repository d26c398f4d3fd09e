package storetest

import (
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/umadb-go/umadb/dcb"
)

var eventRules = []rule{
	roundTrip("an event is returned as it was sent", dcb.Event{
		Type: "Happened", Tags: list{"b", "a", "c"}, Data: []byte(`{"key": "value"}`),
		UUID:     "0f0e0d0c-0b0a-4908-8706-050403020100",
		Metadata: []dcb.Metadata{{Key: "z", Value: "1"}, {Key: "a", Value: "2"}, {Key: "m", Value: "3"}},
	}),
	roundTrip("an event may be empty", dcb.Event{}),
	roundTrip("a type may be empty", dcb.Event{Tags: list{"a"}, Data: []byte("data")}),
	roundTrip("a tag may be empty", dcb.Event{Type: "A", Tags: list{"", "a", ""}}),
	roundTrip("data may be empty", dcb.Event{Type: "A", Tags: list{"a"}}),
	roundTrip("tags may repeat and keep their order", dcb.Event{Type: "A", Tags: list{"b", "a", "b", "b", "a"}}),
	roundTrip("data is any bytes", dcb.Event{Type: "A", Data: allBytes()}),
	roundTrip("text is any UTF-8", dcb.Event{
		Type: "Größe\x00 👩‍👩‍👧 \U0010ffff", Tags: list{"\x00", "\n", "\uffff", "\u202e", "e\u0301", "é", " ", "日本"},
		Metadata: []dcb.Metadata{{Key: "ключ\x00", Value: "τιμή\r\n"}},
	}),
	roundTrip("metadata may be empty text", dcb.Event{Metadata: []dcb.Metadata{{Key: "", Value: "1"}, {Key: "a", Value: ""}}}),
	roundTrip("metadata values may repeat", dcb.Event{Metadata: []dcb.Metadata{{Key: "a", Value: "1"}, {Key: "b", Value: "1"}}}),
	roundTrip("the nil UUID is a UUID", dcb.Event{UUID: uuid.Nil.String()}),
	roundTrip("a type and tags may be long", dcb.Event{Type: strings.Repeat("type ", 2000), Tags: list{strings.Repeat("tag ", 2000), "short"}}),
	roundTrip("many tags and metadata", manyParts()),
	{name: "a UUID of any form is returned in lower case with hyphens", check: func(s *fixture) {
		const want = "0f0e0d0c-0b0a-4908-8706-05040302abcd"
		forms := list{
			want, strings.ToUpper(want), strings.ReplaceAll(want, "-", ""), "urn:uuid:" + want, "{" + want + "}",
			"{" + strings.ToUpper(want) + "}", strings.ToUpper(strings.ReplaceAll(want, "-", "")),
		}
		for _, form := range forms {
			event := s.event()
			event.UUID = form
			s.append(event)
		}
		for i, event := range s.read(s.mine(), dcb.ReadOptions{}) {
			if event.Event.UUID != want {
				s.Errorf("%q was returned as %q", forms[i], event.Event.UUID)
			}
		}
	}},
	{name: "any other text is not a UUID", better: true, check: func(s *fixture) {
		const id = "0f0e0d0c-0b0a-4908-8706-05040302abcd"
		for _, form := range []string{
			"x", " ", id[:35], id + "0", id + " ", " " + id, "{" + id, id + "}", "(" + id + ")", "urn:" + id, "uuid:" + id,
			strings.Replace(id, "a", "g", 1), strings.Replace(id, "-", "", 1), strings.ReplaceAll(id, "-", ":"),
		} {
			event := s.event()
			event.UUID = form
			_, err := s.store.Append(s.ctx, []dcb.Event{event}, nil, nil)
			s.wantError(err, dcb.ErrInvalidArgument)
		}
		s.wantHead(0)
	}},
	{name: "a UUID may repeat", check: func(s *fixture) {
		events := s.eventsWithUUID(1)
		s.append(events[0], events[0])
		s.append(events[0])
		s.wantRead(s.mine(), dcb.ReadOptions{}, 1, 2, 3)
	}},
	refused("a metadata key must not repeat", dcb.Event{Metadata: []dcb.Metadata{{Key: "a"}, {Key: "b"}, {Key: "a", Value: "1"}}}),
	refused("the empty metadata key must not repeat", dcb.Event{Metadata: []dcb.Metadata{{Key: "", Value: "1"}, {Key: "", Value: "2"}}}),
	refused("a type must be UTF-8", dcb.Event{Type: "A\xff"}),
	refused("a tag must be UTF-8", dcb.Event{Tags: list{"a", "\xc0\x80"}}),
	refused("a metadata key must be UTF-8", dcb.Event{Metadata: []dcb.Metadata{{Key: "\xed\xa0\x80"}}}),
	refused("a metadata value must be UTF-8", dcb.Event{Metadata: []dcb.Metadata{{Key: "a", Value: "\xe2\x82"}}}),
	{name: "an append without events writes nothing and returns 0", check: func(s *fixture) {
		for range 2 {
			position, err := s.store.Append(s.ctx, nil, nil, nil)
			s.wantPosition(position, err, 0)
			s.fill(1)
		}
		s.wantHead(2)
	}},
	{name: "one invalid event rejects the whole append", check: func(s *fixture) {
		for _, at := range []int{0, 1, 2} {
			events := s.events(3)
			events[at].Type = "\xff"
			_, err := s.store.Append(s.ctx, events, nil, &dcb.TrackingInfo{Source: s.tag, Position: 1})
			s.wantRefused(err, dcb.ErrInvalidArgument, 0)
		}
		s.wantNoTracking(s.tag)
	}},
	{name: "the store shares no memory with its caller", check: func(s *fixture) {
		event := s.eventsWithUUID(1, "x")[0]
		event.Metadata = []dcb.Metadata{{Key: "a", Value: "1"}}
		want := clone(dcb.SequencedEvent{Event: event}).Event
		s.append(event)
		event.Data[0], event.Tags[1], event.Metadata[0].Value = '?', "y", "2"
		read := s.read(s.mine("x"), dcb.ReadOptions{})
		s.wantEvent(read[0].Event, want)
		read[0].Event.Data[0], read[0].Event.Tags[1], read[0].Event.Metadata[0].Value = '?', "y", "2"
		s.wantEvent(s.read(s.mine("x"), dcb.ReadOptions{})[0].Event, want)
	}},
}

// roundTrip returns a rule for an event that must be returned unchanged. It is
// appended between two others.
func roundTrip(name string, event dcb.Event) rule {
	return rule{name: name, check: func(s *fixture) {
		s.append(s.event(), event, s.event())
		for _, backwards := range []bool{false, true} {
			options := dcb.ReadOptions{Start: new(s.at(2)), Limit: new(uint32(1)), Backwards: backwards}
			got := s.read(dcb.Query{}, options)
			if len(got) != 1 || got[0].Position != s.at(2) || got[0].Tracking != nil {
				s.Fatalf("reading %s returned %d events", describe(options), len(got))
			}
			s.wantEvent(got[0].Event, event)
		}
		sub := s.subscribe(dcb.Query{}, s.at(1))
		s.wantEvent(sub.next().Event, event)
		sub.want(3)
	}}
}

// refused returns a rule for an event that must be refused.
func refused(name string, event dcb.Event) rule {
	return rule{name: name, check: func(s *fixture) {
		_, err := s.store.Append(s.ctx, []dcb.Event{s.event(), event}, nil, nil)
		s.wantRefused(err, dcb.ErrInvalidArgument, 0)
	}}
}

func allBytes() []byte {
	bytes := make([]byte, 512)
	for i := range bytes {
		bytes[i] = byte(i)
	}
	return bytes
}

func manyParts() (event dcb.Event) {
	for i := range 2000 {
		event.Tags = append(event.Tags, fmt.Sprint("tag", i))
		event.Metadata = append(event.Metadata, dcb.Metadata{Key: fmt.Sprint("key", i), Value: fmt.Sprint(i)})
	}
	return event
}
