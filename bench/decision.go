package main

import (
	"context"
	"errors"
	"math/rand/v2"
)

// perDecider is the number of events with the same tag that a connection appends before
// it changes to the next tag of its own.
const perDecider = 10

// decider makes decisions: it reads what they depend on, and appends on condition that it
// has not changed.
type decider struct {
	client
	random   *rand.Rand
	customer uint64
	order    uint64
	hot      bool // all deciders have the same customer
}

// newOwnDecider returns a decider whose customers neither the store nor another one has.
func newOwnDecider(c client, o *options, number int) *decider {
	return &decider{
		client:   c,
		random:   rand.New(rand.NewPCG(uint64(number), 3)),
		customer: uint64(o.tags()) + uint64(number)*1e7,
		order:    uint64(number+1) * 1e10,
	}
}

// newHotDecider returns a decider whose customer all others have as well.
func newHotDecider(c client, o *options, number int) *decider {
	d := newOwnDecider(c, o, number)
	d.customer, d.hot = uint64(o.tags()), true
	return d
}

func (d *decider) call(ctx context.Context, t *tally) error {
	q := &query{filter: filter{eventType, []string{customerOf(d.customer)}}}
	if d.hot {
		q.backwards, q.limit = true, 1
	}
	d.order++
	new := []event{{customer: d.customer, order: d.order, high: d.random.Uint64(), low: d.random.Uint64()}}
	if _, err := decide(ctx, d.client, q, new); err != nil {
		return err
	}
	t.countAppended(1)
	if !d.hot && d.order%perDecider == 0 {
		d.customer++
	}
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
