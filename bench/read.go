package main

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

// scanner reads the whole store.
type scanner struct {
	client
	expected int64
}

func (s *scanner) call(ctx context.Context, t *tally) error {
	events, err := s.read(ctx, new(frame), t.count)
	return checkRead(events, s.expected, err)
}

// finder reads the events of one customer.
type finder struct {
	client
	random   *rand.Rand
	tags     uint64
	expected int64
	request  frame
	digits   []byte // of the customer, in request
}

func newFinder(c client, o *options, number int) *finder {
	request := record.EncodeRead(&record.ReadRequest{
		Query: dcb.Query{Items: []dcb.QueryItem{{Tags: []string{customerTag}}}},
	})
	return &finder{
		client:   c,
		random:   rand.New(rand.NewPCG(uint64(number), 1)),
		tags:     uint64(o.tags()),
		expected: int64(o.perTag),
		request:  request,
		digits:   request[len(request)-len(customerTag)+customerStart:], // the tag ends the request
	}
}

func (f *finder) call(ctx context.Context, t *tally) error {
	putDecimal(f.digits, f.random.Uint64N(f.tags))
	events, err := f.read(ctx, &f.request, t.count)
	return checkRead(events, f.expected, err)
}

// checkRead verifies the number of events that a read returned.
func checkRead(events, expected int64, err error) error {
	if err == nil && events != expected {
		err = fmt.Errorf("a read returned %d events, want %d", events, expected)
	}
	return err
}
