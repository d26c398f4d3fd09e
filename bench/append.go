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
		a.events[i] = event{a.random.Uint64N(a.tags), a.order, a.random.Uint64(), a.random.Uint64()}
	}
}

func (a *appender) call(ctx context.Context, t *tally) error {
	a.fill()
	_, err := a.append(ctx, a.events, nil)
	if err == nil {
		t.count(int64(len(a.events)))
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
	cursor, err := a.append(ctx, a.events, &condition{filter{eventType, []string{last.orderTag()}}, a.cursor})
	if err == nil {
		a.cursor = cursor
		t.count(int64(len(a.events)))
	}
	return err
}
