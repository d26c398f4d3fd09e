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

// finder reads the events of one customer.
type finder struct {
	client
	random   *rand.Rand
	tags     uint64
	expected int64
}

func newFinder(c client, o *options, number int) *finder {
	return &finder{
		client:   c,
		random:   rand.New(rand.NewPCG(uint64(number), 1)),
		tags:     uint64(o.tags()),
		expected: int64(o.perTag),
	}
}

func (f *finder) call(ctx context.Context, t *tally) error {
	customer := tagOf(customerTag, customerStart, f.random.Uint64N(f.tags))
	events, _, err := f.read(ctx, &query{filter: filter{tags: []string{customer}}}, t.count)
	return checkRead(events, f.expected, err)
}

// checkRead verifies the number of events that a read returned.
func checkRead(events, expected int64, err error) error {
	if err == nil && events != expected {
		err = fmt.Errorf("a read returned %d events, want %d", events, expected)
	}
	return err
}
