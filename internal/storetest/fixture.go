package storetest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/umadb-go/umadb/dcb"
)

// fixture is the environment of one rule: a store, and a tag and a type that are
// unique in the store, so that an earlier history does not matter. Rules count
// positions from the head at the start: the first event of the fixture is 1.
type fixture struct {
	T
	ctx   context.Context
	store dcb.EventStore
	base  uint64 // head at the start
	tag   string // on every event of the fixture
	kind  string // type of every event of the fixture
	made  int    // number of events made
}

func newFixture(t T, open Opener, options Options) *fixture {
	patience := options.Patience
	if patience == 0 {
		patience = 30 * time.Second
	}
	name := uuid.NewString()
	s := &fixture{T: t, store: open(t), tag: "fixture:" + name, kind: "Happened-" + name}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	s.ctx = ctx
	head, err := s.store.Head(ctx)
	if err != nil {
		t.Fatalf("head: %v", err)
	}
	s.base = head
	if head != 0 && !options.Shared {
		t.Fatalf("the store is not empty: its head is %d", head)
	}
	return s
}

// at returns the position of the fixture's nth event.
func (s *fixture) at(n int) uint64 { return s.base + uint64(n) }

// event returns a new event of the fixture with these additional tags.
func (s *fixture) event(tags ...string) dcb.Event {
	s.made++
	return dcb.Event{Type: s.kind, Tags: append([]string{s.tag}, tags...), Data: fmt.Append(nil, "data ", s.made)}
}

// events returns n new events.
func (s *fixture) events(n int, tags ...string) []dcb.Event {
	events := make([]dcb.Event, n)
	for i := range events {
		events[i] = s.event(tags...)
	}
	return events
}

// eventsWithUUID returns n new events with random UUIDs.
func (s *fixture) eventsWithUUID(n int, tags ...string) []dcb.Event {
	events := s.events(n, tags...)
	for i := range events {
		events[i].UUID = uuid.NewString()
	}
	return events
}

// append appends events, which must succeed, and returns the last position.
func (s *fixture) append(events ...dcb.Event) uint64 {
	s.Helper()
	position, err := s.store.Append(s.ctx, events, nil, nil)
	if err != nil {
		s.Fatalf("appending %d events: %v", len(events), err)
	}
	return position
}

// appendIf appends on condition that no event above after matches the query.
func (s *fixture) appendIf(query dcb.Query, after uint64, events ...dcb.Event) (uint64, error) {
	return s.store.Append(s.ctx, events, &dcb.AppendCondition{FailIfEventsMatch: query, After: after}, nil)
}

// fill appends n events of the fixture.
func (s *fixture) fill(n int, tags ...string) {
	s.Helper()
	s.append(s.events(n, tags...)...)
}

// mine returns a query for the events of the fixture with these tags.
func (s *fixture) mine(tags ...string) dcb.Query {
	return tagged(append([]string{s.tag}, tags...)...)
}

func tagged(tags ...string) dcb.Query {
	return dcb.Query{Items: []dcb.QueryItem{{Tags: tags}}}
}

func typed(types ...string) dcb.Query {
	return dcb.Query{Items: []dcb.QueryItem{{Types: types}}}
}

// eachQuery calls check with queries of different kinds that all select exactly
// the events of the fixture: a store may evaluate them in different ways.
func (s *fixture) eachQuery(check func(dcb.Query)) {
	check(s.mine())
	check(typed(s.kind))
	check(dcb.Query{Items: []dcb.QueryItem{{Types: []string{"other", s.kind}, Tags: []string{s.tag}}}})
	check(dcb.Query{Items: []dcb.QueryItem{{Types: []string{s.kind}}, {Tags: []string{s.tag}}}})
	if s.base == 0 {
		check(dcb.Query{})
		check(dcb.Query{Items: []dcb.QueryItem{{}}})
	}
}

// concurrently calls f in n goroutines that start together, and waits for them.
// f must not call s.Fatalf.
func (s *fixture) concurrently(n int, f func(i int)) {
	s.inBackground(n, f)()
}

// inBackground calls f in n goroutines and returns a function that waits for them.
// The cleanup of the rule waits too.
func (s *fixture) inBackground(n int, f func(i int)) (wait func()) {
	var running sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		running.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	s.Cleanup(running.Wait)
	return running.Wait
}
