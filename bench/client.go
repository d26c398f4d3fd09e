package main

import (
	"context"
	"errors"
)

// client is the access of one caller to a server. It makes one call at a time. Each
// kind of server has its own implementation.
type client interface {
	// append appends events, on a condition if it is not nil, and returns when they are
	// durable. The error is errConflict if the condition failed. The cursor is for the
	// next condition.
	append(ctx context.Context, events []event, c *condition) (cursor uint64, err error)

	// read reads what a query selects, without decoding it, and returns the number of
	// events. It calls count for each part that it received. The cursor is for a
	// condition.
	read(ctx context.Context, q *query, count func(events int64)) (events int64, cursor uint64, err error)

	// subscribe receives all events from the first one on, and new ones as they are appended.
	// It calls received for each part, and returns when ctx is done or the
	// connection is closed, at the latest.
	subscribe(ctx context.Context, received func(events int64)) error

	// stored returns the number of events in the store.
	stored(ctx context.Context) (events int64, err error)

	// close closes the connection, also for other clients that share it.
	close()
}

// errConflict is returned when the condition of an append failed.
var errConflict = errors.New("the condition of an append failed")

// errUnsupported is returned for what a kind of server cannot do.
var errUnsupported = errors.New("not supported")

// filter selects the events with this type, unless it is empty, and all these tags.
type filter struct {
	eventType string
	tags      []string
}

// query selects events to read. A limit of 0 is none.
type query struct {
	filter
	backwards bool
	limit     uint32
}

// condition makes an append fail if an event matches that is not covered by the cursor. What
// a cursor is depends on the kind of server; 0 covers no event.
type condition struct {
	filter
	after uint64
}

// dial opens connections to a server, each with a number of clients that share it.
func dial(ctx context.Context, p *process, connections, clientsEach, dataBytes int) ([]client, error) {
	var clients []client
	for range connections {
		data := make([][]byte, clientsEach)
		for i := range data {
			data[i] = payload(dataBytes, uint64(len(clients)+i)+1)
		}
		opened, err := p.kind.connect(ctx, p.address, data)
		if err != nil {
			closeAll(clients)
			return nil, err
		}
		clients = append(clients, opened...)
	}
	return clients, nil
}

func closeAll(clients []client) {
	for _, c := range clients {
		c.close()
	}
}
