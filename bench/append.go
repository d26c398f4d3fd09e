package main

import (
	"context"
	"math/rand/v2"
)

// appender appends events with a random customer and a new order.
type appender struct {
	client
	random *rand.Rand
	tags   uint64 // the number of customers
	order  uint64 // the last one used
	events []event

	firstCustomer uint64
}

// newAppender returns the appender with a number. No two appenders use the same order.
func newAppender(c client, o *options, events, number int) *appender {
	return &appender{
		client: c,
		random: rand.New(rand.NewPCG(uint64(number)+1, 0)),
		tags:   uint64(o.tags()),
		order:  uint64(number) * 1e10,
		events: make([]event, events),
	}
}

func (a *appender) fill() {
	for i := range a.events {
		a.order++
		customer := a.firstCustomer + a.random.Uint64N(a.tags)
		a.events[i] = event{customer: customer, order: a.order, high: a.random.Uint64(), low: a.random.Uint64()}
	}
}

func (a *appender) call(ctx context.Context, t *tally) error {
	a.fill()
	_, err := a.append(ctx, a.events, nil)
	if err == nil {
		t.countAppended(len(a.events))
	}
	return err
}

// conditionalAppender appends events on condition that there is no event with the
// order of the last one.
type conditionalAppender struct {
	*appender
	cursor uint64 // the last one that was returned to this client
}

func (a *conditionalAppender) call(ctx context.Context, t *tally) error {
	a.fill()
	last := &a.events[len(a.events)-1]
	cursor, err := a.append(ctx, a.events, &condition{filter{eventType, []string{orderOf(last.order)}}, a.cursor})
	if err == nil {
		a.cursor = cursor
		t.countAppended(len(a.events))
	}
	return err
}
