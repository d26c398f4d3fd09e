package storetest

import (
	"fmt"
	"math"
	"slices"

	"github.com/umadb-go/umadb/dcb"
)

// queried contains the events that the queries select from, by number. Each tag
// is prefixed with the fixture's tag, so that no other event has it.
var queried = []dcb.Event{
	1: {Type: "A", Tags: []string{"x"}},
	2: {Type: "B", Tags: []string{"x", "y"}},
	3: {Type: "A", Tags: []string{"y", "x", "z"}},
	4: {Type: "a", Tags: []string{"X"}},
	5: {Type: "x", Tags: []string{"A"}},
	6: {Type: "", Tags: []string{""}},
	7: {Type: "AA", Tags: []string{"xx", "x "}},
	8: {Type: "C", Tags: []string{"y", "y"}},
	9: {Type: "é", Tags: []string{"é"}},
}

// Short names for the tables below.
type (
	items = []dcb.QueryItem
	list  = []string
)

var queryRules = []rule{
	query("no items match every event", nil, 1, 2, 3, 4, 5, 6, 7, 8, 9),
	query("an empty list of items matches every event", items{}, 1, 2, 3, 4, 5, 6, 7, 8, 9),
	query("an empty item matches every event", items{{}}, 1, 2, 3, 4, 5, 6, 7, 8, 9),
	query("an empty item beside others matches every event", items{{Types: list{"B"}}, {}}, 1, 2, 3, 4, 5, 6, 7, 8, 9),
	query("a type", items{{Types: list{"A"}}}, 1, 3),
	query("types are alternatives", items{{Types: list{"A", "C", "nowhere"}}}, 1, 3, 8),
	query("a tag", items{{Tags: list{"x"}}}, 1, 2, 3),
	query("all tags must match", items{{Tags: list{"x", "y"}}}, 2, 3),
	query("tags may be in any order", items{{Tags: list{"z", "x", "y"}}}, 3),
	query("an unknown tag", items{{Tags: list{"nowhere"}}}),
	query("an unknown type", items{{Types: list{"nowhere"}}}),
	query("one of the tags is unknown", items{{Tags: list{"x", "nowhere"}}}),
	query("type and tag must both match", items{{Types: list{"A"}, Tags: list{"y"}}}, 3),
	query("one of the types and all of the tags", items{{Types: list{"A", "B"}, Tags: list{"x", "y"}}}, 2, 3),
	query("items are alternatives", items{{Types: list{"C"}}, {Tags: list{"z"}}, {Types: list{"A"}, Tags: list{"nowhere"}}}, 3, 8),
	query("an event that several items match is returned once", items{{Types: list{"A"}}, {Tags: list{"x"}}, {Tags: list{"x", "y"}}, {Types: list{"A", "B"}}}, 1, 2, 3),
	query("items are merged in the order of positions", items{{Types: list{"é"}}, {Types: list{"C"}}, {Types: list{"B"}}, {Tags: list{"x"}}}, 1, 2, 3, 8, 9),
	query("types and tags are case-sensitive", items{{Types: list{"a"}}, {Tags: list{"X"}}}, 4),
	query("a type is not a tag", items{{Types: list{"x"}}}, 5),
	query("a tag is not a type", items{{Tags: list{"A"}}}, 5),
	query("the empty type is a type", items{{Types: list{""}}}, 6),
	query("the empty tag is a tag", items{{Tags: list{""}}}, 6),
	query("a type is matched as a whole", items{{Types: list{"AA"}}}, 7),
	query("a tag is matched as a whole", items{{Tags: list{"xx"}}}, 7),
	query("spaces are significant", items{{Tags: list{"x "}}}, 7),
	query("text is compared by its bytes", items{{Types: list{"e\u0301"}}, {Tags: list{"e\u0301"}}}),
	query("text need not be ASCII", items{{Types: list{"é"}, Tags: list{"é"}}}, 9),
	query("a tag that an event has twice matches once", items{{Tags: list{"y"}}}, 2, 3, 8),
	query("duplicates have no effect", items{
		{Types: list{"A", "A", "B"}, Tags: list{"x", "x"}},
		{Types: list{"A", "A", "B"}, Tags: list{"x", "x"}},
	}, 1, 2, 3),
	{name: "many terms are distinguished", check: manyTerms},
	{name: "many items are alternatives", check: manyItems},
}

// query returns a rule for a query and the numbers of the events that it selects.
func query(name string, items []dcb.QueryItem, want ...int) rule {
	return rule{name: name, check: func(s *fixture) {
		for _, event := range queried[1:] {
			s.append(dcb.Event{Type: event.Type, Tags: s.own(event.Tags)})
		}
		q := dcb.Query{Items: slices.Clone(items)}
		for i := range q.Items {
			q.Items[i].Tags = s.own(items[i].Tags)
		}
		s.wantSelected(q, want...)
	}}
}

// own prefixes each tag with the fixture's tag.
func (s *fixture) own(tags []string) []string {
	var own []string
	for _, tag := range tags {
		own = append(own, s.tag+tag)
	}
	return own
}

// wantSelected checks that a query selects exactly these of the fixture's events in
// reads, subscriptions, counts and conditions.
func (s *fixture) wantSelected(query dcb.Query, want ...int) {
	s.Helper()
	s.wantRead(query, dcb.ReadOptions{Start: new(s.at(1))}, want...)
	var backwards []int
	for event, err := range s.store.Read(s.ctx, query, dcb.ReadOptions{Backwards: true}).All() {
		if err != nil {
			s.Fatalf("reading %v backwards: %v", query, err)
		}
		if event.Position <= s.base {
			break
		}
		backwards = append(backwards, int(event.Position-s.base))
	}
	slices.Reverse(backwards)
	if !slices.Equal(backwards, want) {
		s.Errorf("reading %v backwards returned events %v, want %v", query, backwards, want)
	}
	s.subscribe(query, s.base).want(want...)
	s.wantCounts(query, []uint64{s.base, math.MaxUint64}, uint64(len(want)))
	last := 0
	if len(want) > 0 {
		last = want[len(want)-1]
		_, err := s.appendIf(query, s.at(last-1), s.event())
		s.wantError(err, dcb.ErrIntegrity)
	}
	if _, err := s.appendIf(query, s.at(last), s.event()); err != nil {
		s.Errorf("a condition on %v after its last event failed: %v", query, err)
	}
}

// manyTerms appends and queries thousands of similar terms.
func manyTerms(s *fixture) {
	const n = 3000
	var events []dcb.Event
	for i := range n {
		events = append(events, dcb.Event{Type: fmt.Sprint(s.kind, i), Tags: s.own(list{fmt.Sprint(i), fmt.Sprint("half", i/2)})})
	}
	s.append(events...)
	for i := 0; i < n; i += 149 {
		s.wantRead(tagged(events[i].Tags[0]), dcb.ReadOptions{}, i+1)
		s.wantRead(typed(events[i].Type), dcb.ReadOptions{Backwards: true}, i+1)
		s.wantRead(tagged(events[i].Tags[1]), dcb.ReadOptions{}, i/2*2+1, i/2*2+2)
		s.wantRead(tagged(s.own(list{fmt.Sprint(n + i)})...), dcb.ReadOptions{})
	}
}

// manyItems evaluates a query with an item for every other event, the last first.
func manyItems(s *fixture) {
	const n = 3000
	var events []dcb.Event
	var q dcb.Query
	var want []int
	for i := range n {
		events = append(events, s.event(fmt.Sprint(i)))
		if i%2 == 0 {
			q.Items = append(q.Items, dcb.QueryItem{Tags: list{s.tag, fmt.Sprint(i)}})
			want = append(want, i+1)
		}
	}
	slices.Reverse(q.Items)
	s.append(events...)
	s.wantSelected(q, want...)
}
