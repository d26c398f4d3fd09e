package main

import (
	"context"
	"fmt"
	"math/rand/v2"
)

// scanner reads the whole store.
type scanner struct {
	client
	expected int64
}

func (s *scanner) call(ctx context.Context, t *tally) error {
	events, _, err := s.read(ctx, &query{}, t.count)
	return checkRead(events, s.expected, err)
}

// finder makes reads with the same number of events.
type finder struct {
	client
	next     func() *query // returns the next query
	expected int64
}

// newFinder returns a finder of all events of a random customer.
func newFinder(c client, o *options, number int) *finder {
	random := rand.New(rand.NewPCG(uint64(number), 1))
	return &finder{c, func() *query {
		return &query{filter: filter{tags: []string{customerOf(random.Uint64N(uint64(o.tags())))}}}
	}, int64(o.perTag)}
}

// newPairFinder returns a finder of the event with a random order and its customer.
func newPairFinder(c client, o *options, number int) *finder {
	random := rand.New(rand.NewPCG(uint64(number), 2))
	return &finder{c, func() *query {
		order := random.Uint64N(uint64(o.preload))
		return &query{filter: filter{tags: []string{customerOf(order % uint64(o.tags())), orderOf(order)}}}
	}, 1}
}

// newTypeFinder returns a finder of the events of the rare type.
func newTypeFinder(c client, o *options) *finder {
	expected := (int64(o.preload) + rareEvery - 1) / rareEvery
	return &finder{c, func() *query { return &query{filter: filter{eventType: rareType}} }, expected}
}

// newLastFinder returns a finder of the last event of a random customer.
func newLastFinder(c client, o *options, number int) *finder {
	all := newFinder(c, o, number).next
	return &finder{c, func() *query {
		q := all()
		q.backwards, q.limit = true, 1
		return q
	}, 1}
}

func (f *finder) call(ctx context.Context, t *tally) error {
	events, _, err := f.read(ctx, f.next(), t.count)
	return checkRead(events, f.expected, err)
}

// checkRead verifies the number of events that a read returned.
func checkRead(events, expected int64, err error) error {
	if err == nil && events != expected {
		err = fmt.Errorf("a read returned %d events, want %d", events, expected)
	}
	return err
}
