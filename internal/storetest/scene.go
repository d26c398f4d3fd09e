package storetest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/umadb-go/umadb/dcb"
)

// scene is where one rule is checked: a store, and names that nothing else in
// the store has, so that whatever history came before does not matter. Rules
// count positions from the head that they found: the first event of the scene
// is 1.
type scene struct {
	T
	ctx   context.Context
	store dcb.EventStore
	base  uint64 // the head when the scene began
	tag   string // on every event that the scene makes
	kind  string // the type of every event that the scene makes
	made  int    // the events made
}

func newScene(t T, open Opener, options Options) *scene {
	patience := options.Patience
	if patience == 0 {
		patience = 30 * time.Second
	}
	name := uuid.NewString()
	s := &scene{T: t, store: open(t), tag: "scene:" + name, kind: "Happened-" + name}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	s.ctx = ctx
	head, err := s.store.Head(ctx)
	if err != nil {
		t.Fatalf("the head cannot be had: %v", err)
	}
	s.base = head
	if head != 0 && !options.Shared {
		t.Fatalf("the store is not empty: its head is %d", head)
	}
	return s
}

// at gives the store's position of the scene's nth event.
func (s *scene) at(n int) uint64 { return s.base + uint64(n) }

// event makes an event of the scene that has these tags besides.
func (s *scene) event(tags ...string) dcb.Event {
	s.made++
	return dcb.Event{Type: s.kind, Tags: append([]string{s.tag}, tags...), Data: fmt.Append(nil, "data ", s.made)}
}

// events makes n of them.
func (s *scene) events(n int, tags ...string) []dcb.Event {
	events := make([]dcb.Event, n)
	for i := range events {
		events[i] = s.event(tags...)
	}
	return events
}

// stamped makes n events that have a UUID.
func (s *scene) stamped(n int, tags ...string) []dcb.Event {
	events := s.events(n, tags...)
	for i := range events {
		events[i].UUID = uuid.NewString()
	}
	return events
}

// append appends events that must be accepted, and gives the position returned.
func (s *scene) append(events ...dcb.Event) uint64 {
	s.Helper()
	position, err := s.store.Append(s.ctx, events, nil, nil)
	if err != nil {
		s.Fatalf("appending %d events: %v", len(events), err)
	}
	return position
}

// appendIf appends on the condition that nothing above after matches the query.
func (s *scene) appendIf(query dcb.Query, after uint64, events ...dcb.Event) (uint64, error) {
	return s.store.Append(s.ctx, events, &dcb.AppendCondition{FailIfEventsMatch: query, After: after}, nil)
}

// fill appends n events of the scene.
func (s *scene) fill(n int, tags ...string) {
	s.Helper()
	s.append(s.events(n, tags...)...)
}

// mine selects the events of the scene that have these tags.
func (s *scene) mine(tags ...string) dcb.Query {
	return tagged(append([]string{s.tag}, tags...)...)
}

func tagged(tags ...string) dcb.Query {
	return dcb.Query{Items: []dcb.QueryItem{{Tags: tags}}}
}

func typed(types ...string) dcb.Query {
	return dcb.Query{Items: []dcb.QueryItem{{Types: types}}}
}

// eachQuery calls check with queries of different kinds that all select the
// events of the scene and no others: a store may answer them in different ways.
func (s *scene) eachQuery(check func(dcb.Query)) {
	check(s.mine())
	check(typed(s.kind))
	check(dcb.Query{Items: []dcb.QueryItem{{Types: []string{"other", s.kind}, Tags: []string{s.tag}}}})
	check(dcb.Query{Items: []dcb.QueryItem{{Types: []string{s.kind}}, {Tags: []string{s.tag}}}})
	if s.base == 0 {
		check(dcb.Query{})
		check(dcb.Query{Items: []dcb.QueryItem{{}}})
	}
}

// together calls f in n goroutines that begin at once, and waits for them. In
// f, s.Fatalf is not allowed.
func (s *scene) together(n int, f func(i int)) {
	s.background(n, f)()
}

// background calls f in n goroutines, and gives what waits for them. The end of
// the rule waits too.
func (s *scene) background(n int, f func(i int)) (wait func()) {
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
