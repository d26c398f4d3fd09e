package main

import (
	"context"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

// appender appends events with a random customer and a new order.
type appender struct {
	client
	maker   *eventMaker
	tags    uint64 // the number of customers
	events  int    // in each request
	order   uint64 // the last one used
	request frame
}

// newAppender returns the appender of a connection. No two connections use the
// same order.
func newAppender(c client, o *options, events, number int) *appender {
	return &appender{
		client: c,
		maker:  newEventMaker(o.dataBytes, uint64(number)+1),
		tags:   uint64(o.tags()),
		events: events,
		order:  uint64(number) * 1e10,
	}
}

func (a *appender) fill() {
	a.request = a.request[:0]
	for range a.events {
		a.order++
		a.request = a.maker.appendEvent(a.request, a.maker.random.Uint64N(a.tags), a.order)
	}
}

func (a *appender) call(ctx context.Context, t *tally) error {
	a.fill()
	_, err := a.append(ctx, &a.request)
	if err == nil {
		t.count(int64(a.events))
	}
	return err
}

// conditionalAppender appends events on condition that there is no event with the
// order of the last one.
type conditionalAppender struct {
	*appender
	head uint64 // the newest position that was returned to this connection
}

func (a *conditionalAppender) call(ctx context.Context, t *tally) error {
	a.fill()
	condition := dcb.AppendCondition{After: a.head, FailIfEventsMatch: dcb.Query{Items: []dcb.QueryItem{{
		Types: []string{eventType},
		Tags:  []string{tagOf(orderTag, orderStart, a.order)},
	}}}}
	// Protobuf parses two concatenated messages as one merged message.
	a.request = append(a.request, record.EncodeAppend(nil, &condition, nil)...)
	head, err := a.append(ctx, &a.request)
	if err == nil {
		a.head = head
		t.count(int64(a.events))
	}
	return err
}
