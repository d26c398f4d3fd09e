package storetest

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/umadb-go/umadb/dcb"
)

var errorRules = []rule{
	{name: "a failed condition is an integrity error", check: func(s *fixture) {
		s.fill(1)
		_, err := s.appendIf(s.mine(), 0, s.event())
		s.wantTyped(err, dcb.ErrIntegrity, "integrity error: ")
	}},
	{name: "a tracking conflict is an integrity error", check: func(s *fixture) {
		s.track(s.tag, 1, 1)
		_, err := s.tryTrack(s.tag, 1, 1)
		s.wantTyped(err, dcb.ErrIntegrity, "integrity error: ")
		if e, ok := errors.AsType[*dcb.Error](err); ok && e.ConflictPosition != 0 {
			s.Errorf("conflict position is %d, want 0", e.ConflictPosition)
		}
	}},
	{name: "an invalid event is an invalid argument", check: func(s *fixture) {
		_, err := s.store.Append(s.ctx, []dcb.Event{{Type: "\xff"}}, nil, nil)
		s.wantTyped(err, dcb.ErrInvalidArgument, "invalid argument: ")
	}},
	{name: "an invalid query is an invalid argument", check: func(s *fixture) {
		for _, q := range []dcb.Query{tagged(s.tag, "\xff"), typed("\xc3")} {
			_, err := s.store.Read(s.ctx, q, dcb.ReadOptions{}).Head()
			s.wantTyped(err, dcb.ErrInvalidArgument, "invalid argument: ")
			_, err = s.appendIf(q, 0, s.event())
			s.wantTyped(err, dcb.ErrInvalidArgument, "invalid argument: ")
			for _, err = range s.store.Subscribe(s.ctx, q, 0) {
				break
			}
			s.wantTyped(err, dcb.ErrInvalidArgument, "invalid argument: ")
		}
		s.wantHead(0)
	}},
	{name: "a request is validated before its condition", better: true, check: func(s *fixture) {
		s.fill(1)
		_, err := s.appendIf(s.mine(), 0, s.event(), dcb.Event{Type: "\xff"})
		s.wantRefused(err, dcb.ErrInvalidArgument, 1)
	}},
	{name: "a condition is checked before tracking", better: true, check: func(s *fixture) {
		s.track(s.tag, 1, 1)
		condition := &dcb.AppendCondition{FailIfEventsMatch: s.mine()}
		_, err := s.store.Append(s.ctx, s.events(1), condition, &dcb.TrackingInfo{Source: s.tag, Position: 1})
		if e, ok := errors.AsType[*dcb.Error](err); !ok || e.ConflictPosition != s.at(1) {
			s.Errorf("error is %v, want the failed condition", err)
		}
	}},
	{name: "the message names the query and the event but no data", better: true, check: func(s *fixture) {
		event := s.event("of interest")
		event.Data = []byte("confidential")
		s.append(s.event(), event)
		_, err := s.appendIf(tagged("of interest"), s.base, event)
		text := fmt.Sprint(err)
		if !strings.Contains(text, "of interest") || !strings.Contains(text, fmt.Sprint(s.at(2))) {
			s.Errorf("message is %q", text)
		}
		if strings.Contains(text, "confidential") {
			s.Errorf("message contains the event's data: %q", text)
		}
	}},
	{name: "a message is short and printable for any request", better: true, check: func(s *fixture) {
		long := strings.Repeat("\x01\U0010ffff\n", 200)
		s.append(s.event(long))
		query := s.mine(long)
		for range 100 {
			query.Items = append(query.Items, dcb.QueryItem{Tags: list{long}})
		}
		_, err := s.appendIf(query, 0, s.event())
		s.wantShort(err)
		_, err = s.store.Append(s.ctx, []dcb.Event{{Metadata: []dcb.Metadata{{Key: long}, {Key: long}}}}, nil, nil)
		s.wantShort(err)
		_, err = s.store.Append(s.ctx, []dcb.Event{{UUID: long}}, nil, nil)
		s.wantShort(err)
		source := strings.Repeat("\x01", dcb.MaxSourceBytes)
		s.tryTrack(source, 1, 1)
		_, err = s.tryTrack(source, 1, 1)
		s.wantShort(err)
	}},
	{name: "the store works after an error", check: func(s *fixture) {
		for n := range 20 {
			_, err := s.appendIf(dcb.Query{}, 0, dcb.Event{Type: "\xff"})
			s.wantRefused(err, dcb.ErrInvalidArgument, n)
			s.store.Read(s.ctx, tagged("\xff"), dcb.ReadOptions{}).Collect()
			s.fill(1)
			s.wantRead(s.mine(), dcb.ReadOptions{}, span(1, n+1)...)
		}
	}},
	{name: "a closed store returns ErrClosed", check: func(s *fixture) {
		s.fill(1)
		if err := s.store.Close(); err != nil {
			s.Errorf("closing: %v", err)
		}
		_, err := s.store.Append(s.ctx, s.events(1), nil, nil)
		s.wantError(err, dcb.ErrClosed)
		_, _, err = s.store.Read(s.ctx, s.mine(), dcb.ReadOptions{}).Collect()
		s.wantError(err, dcb.ErrClosed)
		_, err = s.store.Head(s.ctx)
		s.wantError(err, dcb.ErrClosed)
		_, _, err = s.store.GetTrackingInfo(s.ctx, s.tag)
		s.wantError(err, dcb.ErrClosed)
		for _, err := range s.store.Subscribe(s.ctx, s.mine(), 0) {
			s.wantError(err, dcb.ErrClosed)
		}
	}},
}

// wantTyped checks that an error is a *dcb.Error of this kind and that its text
// has this prefix.
func (s *fixture) wantTyped(err, kind error, prefix string) {
	s.Helper()
	e, ok := errors.AsType[*dcb.Error](err)
	if !ok || e.Kind != kind || !errors.Is(err, kind) || !strings.HasPrefix(err.Error(), prefix) {
		s.Errorf("error is %#v, want one of kind %q", err, kind)
	}
}

// wantShort checks that an error's text fits into a header.
func (s *fixture) wantShort(err error) {
	s.Helper()
	text := fmt.Sprint(err)
	printable := !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
	if err == nil || len(text) > 1024 || !printable {
		s.Errorf("message has %d bytes, printable: %v: %.100q", len(text), printable, text)
	}
}
