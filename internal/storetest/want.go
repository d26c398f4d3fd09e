package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/umadb-go/umadb/dcb"
)

// read gives the events of a read that must succeed.
func (s *scene) read(query dcb.Query, options dcb.ReadOptions) []dcb.SequencedEvent {
	s.Helper()
	events, _, err := s.store.Read(s.ctx, query, options).Collect()
	if err != nil {
		s.Fatalf("reading %v %s: %v", query, describe(options), err)
	}
	return events
}

// wantRead checks which events a read gives.
func (s *scene) wantRead(query dcb.Query, options dcb.ReadOptions, want ...int) {
	s.Helper()
	got := s.numbers(s.read(query, options))
	if !slices.Equal(got, want) {
		s.Errorf("reading %v %s gave events %v, want %v", query, describe(options), abridge(got), abridge(want))
	}
}

// numbers gives the positions of events, counted from the scene's first.
func (s *scene) numbers(events []dcb.SequencedEvent) []int {
	numbers := make([]int, len(events))
	for i, e := range events {
		numbers[i] = int(e.Position) - int(s.base)
	}
	return numbers
}

// span counts from one number to another, upwards or downwards.
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

// head gives the store's head.
func (s *scene) head() uint64 {
	s.Helper()
	head, err := s.store.Head(s.ctx)
	if err != nil {
		s.Fatalf("the head cannot be had: %v", err)
	}
	return head
}

// wantHead checks how many events the scene has made the store grow by.
func (s *scene) wantHead(n int) {
	s.Helper()
	if head := s.head(); head != s.at(n) {
		s.Errorf("the head is %d, want %d", head, s.at(n))
	}
}

// wantPosition checks what an append returned: the scene's nth event, or 0.
func (s *scene) wantPosition(got uint64, err error, n int) {
	s.Helper()
	want := s.at(n)
	if n == 0 {
		want = 0
	}
	if err != nil || got != want {
		s.Errorf("the append gave %d and error %v, want %d", got, err, want)
	}
}

// wantError checks the kind of an error.
func (s *scene) wantError(err, kind error) {
	s.Helper()
	if !errors.Is(err, kind) {
		s.Errorf("the error is %v, want one of kind %q", err, kind)
	}
}

// wantRefused checks that an append failed for this reason and wrote nothing.
// The scene has n events.
func (s *scene) wantRefused(err, kind error, n int) {
	s.Helper()
	s.wantError(err, kind)
	s.wantHead(n)
}

// wantTracking checks the recorded position of a source.
func (s *scene) wantTracking(source string, want uint64) {
	s.Helper()
	position, known, err := s.store.GetTrackingInfo(s.ctx, source)
	if err != nil || !known || position != want {
		s.Errorf("source %q is at %d (known: %v, error %v), want %d", source, position, known, err, want)
	}
}

// wantNoTracking checks that nothing is recorded of a source.
func (s *scene) wantNoTracking(source string) {
	s.Helper()
	position, known, err := s.store.GetTrackingInfo(s.ctx, source)
	if err != nil || known || position != 0 {
		s.Errorf("source %q is at %d (known: %v, error %v), want it unknown", source, position, known, err)
	}
}

// wantEvent checks that a stored event is as it was given.
func (s *scene) wantEvent(got, want dcb.Event) {
	s.Helper()
	if !sameEvent(got, want) {
		s.Errorf("the event is %s, want %s", brief(got), brief(want))
	}
}

func sameEvent(a, b dcb.Event) bool {
	return a.Type == b.Type && slices.Equal(a.Tags, b.Tags) && bytes.Equal(a.Data, b.Data) &&
		a.UUID == b.UUID && slices.Equal(a.Metadata, b.Metadata)
}

func sameTracking(a, b *dcb.TrackingInfo) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// sameSequenced tells whether two stored events are the same in every respect.
func sameSequenced(a, b dcb.SequencedEvent) bool {
	return a.Position == b.Position && sameEvent(a.Event, b.Event) && sameTracking(a.Tracking, b.Tracking)
}

// describe puts read options in words.
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

// abridge keeps the ends of a long list.
func abridge(numbers []int) string {
	if len(numbers) <= 20 {
		return fmt.Sprint(numbers)
	}
	return fmt.Sprintf("%v … %v (%d)", numbers[:8], numbers[len(numbers)-8:], len(numbers))
}

// brief shows an event without the bulk of what it holds.
func brief(e dcb.Event) string {
	tags := e.Tags[:min(len(e.Tags), 10)]
	metadata := e.Metadata[:min(len(e.Metadata), 10)]
	return fmt.Sprintf("{type %.60q, %d tags %.60q, %d bytes %.60q, uuid %q, %d metadata %.60q}",
		e.Type, len(e.Tags), tags, len(e.Data), e.Data, e.UUID, len(e.Metadata), metadata)
}
