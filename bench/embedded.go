package main

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime/debug"

	"github.com/google/uuid"

	library "github.com/umadb-go/umadb"
	"github.com/umadb-go/umadb/dcb"
)

// embedded is the Go library in this process, without a server. It has one open store at a
// time.
type embedded struct {
	store     dcb.EventStore
	gcPercent int // of this process otherwise
}

func (e *embedded) start(_ context.Context, _ []string, _, store string) (running, error) {
	opened, err := library.Open(store, nil)
	if err != nil {
		return nil, err
	}
	// The settings and the memory are those of a program that has just started.
	e.gcPercent = debug.SetGCPercent(100)
	debug.FreeOSMemory()
	resetPeakMemory()
	e.store = opened
	return e, nil
}

// PID returns that of this process: the CPU time and the memory include the callers.
func (e *embedded) PID() int { return os.Getpid() }

// Stop closes the store.
func (e *embedded) Stop() error {
	debug.SetGCPercent(e.gcPercent)
	return e.store.Close()
}

func (e *embedded) connect(_ context.Context, _ string, data [][]byte) (clients []client, err error) {
	for _, each := range data {
		clients = append(clients, &embeddedClient{store: e.store, data: each})
	}
	return clients, nil
}

// embeddedClient calls an open store. Its cursors are positions. Unlike the clients of servers, it
// makes events, and receives them decoded, since that is part of the library's cost.
type embeddedClient struct {
	store dcb.EventStore
	data  []byte
}

func (c *embeddedClient) append(ctx context.Context, events []event, cond *condition) (cursor uint64, err error) {
	appended := make([]dcb.Event, len(events))
	for i := range events {
		e := &events[i]
		appended[i] = dcb.Event{Type: e.eventType(), Tags: []string{customerOf(e.customer), orderOf(e.order)}, Data: c.data, UUID: uuid.UUID(e.uuid()).String()}
	}
	var condition *dcb.AppendCondition
	if cond != nil {
		condition = &dcb.AppendCondition{After: cond.after, FailIfEventsMatch: cond.filter.dcb()}
	}
	cursor, err = c.store.Append(ctx, appended, condition, nil)
	if errors.Is(err, dcb.ErrIntegrity) {
		err = errConflict
	}
	return cursor, err
}

func (c *embeddedClient) read(ctx context.Context, q *query, count func(events int64)) (events int64, cursor uint64, err error) {
	options := dcb.ReadOptions{Backwards: q.backwards}
	if q.limit > 0 {
		options.Limit = &q.limit
	}
	response := c.store.Read(ctx, q.filter.dcb(), options)
	defer response.Close()
	for {
		batch, err := response.NextBatch()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return events, 0, err
		}
		events += int64(len(batch))
		count(int64(len(batch)))
	}
	cursor, err = response.Head()
	return events, cursor, err
}

func (c *embeddedClient) subscribe(ctx context.Context, received func(events int64)) error {
	for _, err := range c.store.Subscribe(ctx, dcb.Query{}, 0) {
		if err != nil {
			return err
		}
		received(1)
	}
	return nil
}

func (c *embeddedClient) stored(ctx context.Context) (int64, error) {
	head, err := c.store.Head(ctx)
	return int64(head), err // positions have no gaps
}

func (c *embeddedClient) close() {}
