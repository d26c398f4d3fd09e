package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/umadb-go/umadb/dcb"
)

// read returns the events of a read, which must succeed.
func (s *fixture) read(query dcb.Query, options dcb.ReadOptions) []dcb.SequencedEvent {
	s.Helper()
	events, _, err := s.store.Read(s.ctx, query, options).Collect()
	if err != nil {
		s.Fatalf("reading %v %s: %v", query, describe(options), err)
	}
	return events
}

// wantRead checks which events a read returns.
func (s *fixture) wantRead(query dcb.Query, options dcb.ReadOptions, want ...int) {
	s.Helper()
	got := s.numbers(s.read(query, options))
	if !slices.Equal(got, want) {
		s.Errorf("reading %v %s returned events %v, want %v", query, describe(options), abridge(got), abridge(want))
	}
}

// numbers returns the positions of events relative to the fixture's first.
func (s *fixture) numbers(events []dcb.SequencedEvent) []int {
	numbers := make([]int, len(events))
	for i, e := range events {
		numbers[i] = int(e.Position) - int(s.base)
	}
	return numbers
}

// span returns the numbers from one to another, ascending or descending.
func span(from, to int) []int {
	numbers := []int{from}
	for from != to {
		if from < to {
			from++
		} else {
			from--
		}
		numbers = append(numbers, from)
	}
	return numbers
}

// head returns the head of the store.
func (s *fixture) head() uint64 {
	s.Helper()
	head, err := s.store.Head(s.ctx)
	if err != nil {
		s.Fatalf("head: %v", err)
	}
	return head
}

// wantHead checks that the fixture has appended n events.
func (s *fixture) wantHead(n int) {
	s.Helper()
	if head := s.head(); head != s.at(n) {
		s.Errorf("head is %d, want %d", head, s.at(n))
	}
}

// wantPosition checks that an append returned the position of the fixture's nth
// event, or 0 if n is 0.
func (s *fixture) wantPosition(got uint64, err error, n int) {
	s.Helper()
	want := s.at(n)
	if n == 0 {
		want = 0
	}
	if err != nil || got != want {
		s.Errorf("append returned %d, error %v; want %d", got, err, want)
	}
}

// wantError checks the kind of an error.
func (s *fixture) wantError(err, kind error) {
	s.Helper()
	if !errors.Is(err, kind) {
		s.Errorf("error is %v, want one of kind %q", err, kind)
	}
}

// wantRefused checks that an append failed with an error of this kind and wrote
// nothing: the fixture still has n events.
func (s *fixture) wantRefused(err, kind error, n int) {
	s.Helper()
	s.wantError(err, kind)
	s.wantHead(n)
}

// wantTracking checks the recorded position of a source.
func (s *fixture) wantTracking(source string, want uint64) {
	s.Helper()
	position, known, err := s.store.GetTrackingInfo(s.ctx, source)
	if err != nil || !known || position != want {
		s.Errorf("source %q is at %d (known: %v, error %v), want %d", source, position, known, err, want)
	}
}

// wantNoTracking checks that a source has no recorded position.
func (s *fixture) wantNoTracking(source string) {
	s.Helper()
	position, known, err := s.store.GetTrackingInfo(s.ctx, source)
	if err != nil || known || position != 0 {
		s.Errorf("source %q is at %d (known: %v, error %v), want unknown", source, position, known, err)
	}
}

// wantEvent checks that a stored event equals the appended one.
func (s *fixture) wantEvent(got, want dcb.Event) {
	s.Helper()
	if !sameEvent(got, want) {
		s.Errorf("event is %s, want %s", brief(got), brief(want))
	}
}

func sameEvent(a, b dcb.Event) bool {
	return a.Type == b.Type && slices.Equal(a.Tags, b.Tags) && bytes.Equal(a.Data, b.Data) &&
		a.UUID == b.UUID && slices.Equal(a.Metadata, b.Metadata)
}

func sameTracking(a, b *dcb.TrackingInfo) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// sameSequenced reports whether two stored events are equal in every field.
func sameSequenced(a, b dcb.SequencedEvent) bool {
	return a.Position == b.Position && sameEvent(a.Event, b.Event) && sameTracking(a.Tracking, b.Tracking)
}

// describe formats read options for messages.
func describe(options dcb.ReadOptions) string {
	text := "forwards"
	if options.Backwards {
		text = "backwards"
	}
	if options.Start != nil {
		text += fmt.Sprintf(" from %d", *options.Start)
	}
	if options.Limit != nil {
		text += fmt.Sprintf(" up to %d events", *options.Limit)
	}
	return text
}

// abridge formats a list; the middle of a long one is omitted.
func abridge[T int | uint64](numbers []T) string {
	if len(numbers) <= 20 {
		return fmt.Sprint(numbers)
	}
	return fmt.Sprintf("%v … %v (%d)", numbers[:8], numbers[len(numbers)-8:], len(numbers))
}

// brief formats an event with long fields truncated.
func brief(e dcb.Event) string {
	tags := e.Tags[:min(len(e.Tags), 10)]
	metadata := e.Metadata[:min(len(e.Metadata), 10)]
	return fmt.Sprintf("{type %.60q, %d tags %.60q, %d bytes %.60q, uuid %q, %d metadata %.60q}",
		e.Type, len(e.Tags), tags, len(e.Data), e.Data, e.UUID, len(e.Metadata), metadata)
}
