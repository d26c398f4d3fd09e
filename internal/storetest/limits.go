package storetest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

func defaultLimits() *dcb.Limits {
	limits := dcb.Limits{}.WithDefaults()
	return &limits
}

// limitRules apply to a store with the default limits. A server with other limits
// must still accept what is accepted here.
var limitRules = []rule{
	{name: "an event of the maximum size is accepted", check: func(s *fixture) {
		event := s.eventOf(defaultLimits().EventBytes)
		s.append(event)
		for _, backwards := range []bool{false, true} {
			for _, got := range s.read(s.mine(), dcb.ReadOptions{Backwards: backwards}) {
				s.wantEvent(got.Event, event)
			}
		}
		s.wantEvent(s.subscribe(s.mine(), s.base).next().Event, event)
	}},
	{name: "a larger event is refused", better: true, check: func(s *fixture) {
		limit := defaultLimits().EventBytes
		_, err := s.store.Append(s.ctx, []dcb.Event{s.event(), s.eventOf(limit + 1)}, nil, nil)
		s.wantOver(err, limit)
	}},
	{name: "a request of the maximum size is accepted", better: true, check: func(s *fixture) {
		events := s.requestOf(defaultLimits().RequestBytes)
		s.append(events...)
		for i, got := range s.read(s.mine(), dcb.ReadOptions{}) {
			s.wantEvent(got.Event, events[i])
		}
	}},
	{name: "a larger request is refused", better: true, check: func(s *fixture) {
		limit := defaultLimits().RequestBytes
		_, err := s.store.Append(s.ctx, s.requestOf(limit+1), nil, nil)
		s.wantOver(err, limit)
	}},
	{name: "a request far over the limit is refused and the next is not", check: func(s *fixture) {
		if _, err := s.store.Append(s.ctx, s.requestOf(40<<20), nil, nil); err == nil {
			s.Errorf("40 MiB were accepted")
		}
		position, err := s.store.Append(s.ctx, s.events(1), nil, nil)
		s.wantPosition(position, err, 1)
	}},
	{name: "65536 events are accepted", check: func(s *fixture) {
		n := defaultLimits().RequestEvents
		events := make([]dcb.Event, n)
		for i := range events {
			events[i] = dcb.Event{Type: s.kind, Data: strconv.AppendInt(nil, int64(i), 10)}
		}
		s.append(events...)
		for i, got := range s.read(typed(s.kind), dcb.ReadOptions{}) {
			if got.Position != s.at(i+1) || !sameEvent(got.Event, events[i]) {
				s.Fatalf("event %d is at %d and is %s", i+1, got.Position-s.base, brief(got.Event))
			}
		}
		s.wantHead(n)
	}},
	{name: "more events are refused", better: true, check: func(s *fixture) {
		limit := defaultLimits().RequestEvents
		_, err := s.store.Append(s.ctx, make([]dcb.Event, limit+1), nil, nil)
		s.wantOver(err, limit)
	}},
	{name: "65535 tags are accepted", check: func(s *fixture) {
		event := s.event(numbered(defaultLimits().EventTags - 1)...)
		s.append(s.event(), event, s.event())
		for _, tag := range []int{1, len(event.Tags) / 2, len(event.Tags) - 1} {
			s.wantRead(s.mine(event.Tags[tag]), dcb.ReadOptions{}, 2)
		}
		s.wantEvent(s.read(s.mine(event.Tags[1]), dcb.ReadOptions{})[0].Event, event)
	}},
	{name: "more tags are refused", better: true, check: func(s *fixture) {
		limit := defaultLimits().EventTags
		_, err := s.store.Append(s.ctx, []dcb.Event{{Tags: make([]string, limit+1)}}, nil, nil)
		s.wantOver(err, limit)
	}},
	{name: "262144 tags in a request are accepted", check: func(s *fixture) {
		const count = 4096
		events := s.events(count)
		for i := range events {
			tags := numbered(defaultLimits().RequestTags / count)
			events[i].Tags = append(tags[:len(tags)-len(events[i].Tags)], events[i].Tags...)
		}
		s.append(events...)
		if got := len(s.read(s.mine("number 1"), dcb.ReadOptions{})); got != count {
			s.Errorf("%d events were returned, want %d", got, count)
		}
	}},
	{name: "more tags in a request are refused", better: true, check: func(s *fixture) {
		limit := defaultLimits().RequestTags
		events := s.events(5)
		for i := range events {
			events[i].Tags = make([]string, limit/5+1)
		}
		_, err := s.store.Append(s.ctx, events, nil, nil)
		s.wantOver(err, limit)
	}},
	{name: "more metadata in a request is refused", better: true, check: func(s *fixture) {
		limit := defaultLimits().RequestMetadata
		events := s.events(5)
		for i, key := range numbered(limit / 4) {
			for j := range events {
				if j < 4 || i == 0 {
					events[j].Metadata = append(events[j].Metadata, dcb.Metadata{Key: key})
				}
			}
		}
		_, err := s.store.Append(s.ctx, events, nil, nil)
		s.wantOver(err, limit)
	}},
	{name: "65536 terms in a query are accepted", check: func(s *fixture) {
		s.append(s.event("1"), s.event("none"), s.event("2"))
		limit := defaultLimits().QueryTerms
		alternatives := items{{Types: numbered(limit - 2), Tags: list{s.tag}}, {Types: list{s.kind}}}
		s.wantRead(dcb.Query{Items: alternatives}, dcb.ReadOptions{}, 1, 2, 3)
		all := items{{Tags: append(numbered(limit-1), s.tag)}}
		s.wantRead(dcb.Query{Items: all}, dcb.ReadOptions{})
		position, err := s.appendIf(dcb.Query{Items: all}, 0, s.event())
		s.wantPosition(position, err, 4)
	}},
	{name: "more terms in a query are refused", better: true, check: func(s *fixture) {
		limit := defaultLimits().QueryTerms
		s.wantQueryOver(dcb.Query{Items: items{{Types: numbered(limit - 5)}, {Tags: numbered(6)}}}, limit)
	}},
	{name: "more items in a query are refused", better: true, check: func(s *fixture) {
		limit := defaultLimits().QueryTerms
		s.wantQueryOver(dcb.Query{Items: make(items, limit+1)}, limit)
	}},
	{name: "metadata of 65535 bytes is accepted", check: func(s *fixture) {
		long := strings.Repeat("m", dcb.MaxMetadataBytes)
		event := s.event()
		event.Metadata = []dcb.Metadata{{Key: long, Value: long}, {Key: "short", Value: long}}
		s.append(event)
		s.wantEvent(s.read(s.mine(), dcb.ReadOptions{})[0].Event, event)
	}},
	{name: "longer metadata is refused", better: true, check: func(s *fixture) {
		long := strings.Repeat("m", dcb.MaxMetadataBytes+1)
		for _, entry := range []dcb.Metadata{{Key: long}, {Key: "key", Value: long}} {
			_, err := s.store.Append(s.ctx, []dcb.Event{{Metadata: []dcb.Metadata{entry}}}, nil, nil)
			s.wantOver(err, dcb.MaxMetadataBytes)
		}
	}},
	{name: "a source of 255 bytes is accepted", check: func(s *fixture) {
		source := (s.tag + strings.Repeat("s", dcb.MaxSourceBytes))[:dcb.MaxSourceBytes]
		if _, err := s.store.Append(s.ctx, s.events(1), nil, &dcb.TrackingInfo{Source: source, Position: 1}); err != nil {
			s.Errorf("appending: %v", err)
		}
		s.wantTracking(source, 1)
	}},
	{name: "a longer source is refused", better: true, check: func(s *fixture) {
		source := strings.Repeat("s", dcb.MaxSourceBytes+1)
		_, err := s.store.Append(s.ctx, s.events(1), nil, &dcb.TrackingInfo{Source: source, Position: 1})
		s.wantOver(err, dcb.MaxSourceBytes)
		_, _, err = s.store.GetTrackingInfo(s.ctx, source)
		s.wantOver(err, dcb.MaxSourceBytes)
	}},
}

// wantOver checks that a call was refused because of a limit, which the error
// names, and that the fixture has no event.
func (s *fixture) wantOver(err error, limit int) {
	s.Helper()
	s.wantRefused(err, dcb.ErrInvalidArgument, 0)
	if err != nil && !strings.Contains(err.Error(), strconv.Itoa(limit)) {
		s.Errorf("error %q does not name the limit of %d", err, limit)
	}
}

// wantQueryOver checks that reads, conditions and subscriptions refuse a query that
// exceeds a limit.
func (s *fixture) wantQueryOver(query dcb.Query, limit int) {
	s.Helper()
	_, _, err := s.store.Read(s.ctx, query, dcb.ReadOptions{}).Collect()
	s.wantOver(err, limit)
	_, err = s.appendIf(query, 0, s.event())
	s.wantOver(err, limit)
	for _, err = range s.store.Subscribe(s.ctx, query, 0) {
		break
	}
	s.wantOver(err, limit)
}

// eventOf returns an event with an encoded size of size bytes.
func (s *fixture) eventOf(size int) dcb.Event {
	event := s.event()
	event.Data = patterned(size)
	event.Data = event.Data[:2*size-len(record.AppendEvent(nil, &event))]
	return event
}

// requestOf returns events, each within its limit, with an encoded size of size
// bytes as one request.
func (s *fixture) requestOf(size int) []dcb.Event {
	var events []dcb.Event
	left := size
	for left > 3<<20 {
		event := s.eventOf(1 << 20)
		events = append(events, event)
		left -= len(record.EncodeAppend([]dcb.Event{event}, nil, nil))
	}
	// The last event has a tag of one byte and a length of four.
	return append(events, s.eventOf(left-5))
}

// patterned returns n bytes in which a truncation or a shift is detectable.
func patterned(n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i + i>>8 + i>>16)
	}
	return data
}

// numbered returns n different strings.
func numbered(n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprint("number ", i)
	}
	return texts
}
