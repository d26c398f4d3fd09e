package main

import (
	"context"
	"errors"
	"math/rand/v2"
)

// decider makes decisions: it reads what they depend on, and appends on condition that it
// has not changed.
type decider struct {
	client
	random *rand.Rand
	order  uint64 // the last one used
	// next returns the query of the next decision and the customer of its event.
	next func() (q *query, customer uint64)
}

func newDecider(c client, number int, next func() (*query, uint64)) *decider {
	return &decider{c, rand.New(rand.NewPCG(uint64(number), 3)), uint64(number+1) * 1e10, next}
}

// newOwnDecider returns the decider with a number, less than the number of deciders. It decides
// on its customers in turn, which no other decider has, each after reading all its events.
func newOwnDecider(c client, o *options, number, deciders int) *decider {
	own := uint64(number)
	customer := own
	return newDecider(c, number, func() (*query, uint64) {
		decided := customer
		if customer += uint64(deciders); customer >= uint64(o.tags()) {
			customer = own
		}
		return decisionOn(decided), decided
	})
}

// newHotDecider returns a decider on a customer that all others have as well. It reads only
// the last event.
func newHotDecider(c client, o *options, number int) *decider {
	hot := uint64(o.tags()) // has no events at first
	return newDecider(c, number, func() (*query, uint64) {
		q := decisionOn(hot)
		q.backwards, q.limit = true, 1
		return q, hot
	})
}

func decisionOn(customer uint64) *query {
	return &query{filter: filter{eventType, []string{customerOf(customer)}}}
}

func (d *decider) call(ctx context.Context, t *tally) error {
	q, customer := d.next()
	d.order++
	events := []event{{customer: customer, order: d.order, high: d.random.Uint64(), low: d.random.Uint64()}}
	if _, err := decide(ctx, d.client, q, events); err != nil {
		return err
	}
	t.countAppended(1)
	return nil
}

// decide reads what a query selects, and appends events on condition that its filter
// selects nothing that has been appended since. After a conflict it repeats both. It
// returns the number of events that it has read last.
func decide(ctx context.Context, c client, q *query, events []event) (read int64, err error) {
	for {
		read, cursor, err := c.read(ctx, q, func(int64) {})
		if err != nil {
			return read, err
		}
		_, err = c.append(ctx, events, &condition{q.filter, cursor})
		if !errors.Is(err, errConflict) {
			return read, err
		}
	}
}
