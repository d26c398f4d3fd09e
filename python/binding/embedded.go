//go:build cgo

package main

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// embedded is a store that is open in this process.
type embedded struct {
	*store.Store
	batchSize uint32
}

func (e *embedded) append(ctx context.Context, request []byte) (uint64, error) {
	parsed, err := encoding.ParseAppend(request, e.Limits())
	if err != nil {
		return 0, err
	}
	if _, limited := ctx.Deadline(); limited {
		return e.commitInTime(ctx, parsed)
	}
	return e.Commit(ctx, parsed, nil)
}

// grace is how long an append that has timed out may take to end without an effect.
const grace = 10 * time.Millisecond

// commitInTime is Commit, but does not wait for the disk longer than ctx allows.
func (e *embedded) commitInTime(ctx context.Context, request *encoding.AppendRequest) (uint64, error) {
	committed := make(chan result, 1)
	go func() {
		position, err := e.Commit(ctx, request, nil)
		committed <- result{number: position, err: err}
	}()
	select {
	case r := <-committed:
		return r.number, inTime(r.err)
	case <-ctx.Done():
	}
	select {
	case r := <-committed:
		return r.number, inTime(r.err)
	case <-time.After(grace):
		return 0, errOutcomeUnknown
	}
}

var (
	errNotAppended    = &dcb.Error{Kind: dcb.ErrTransport, Detail: errOverdue.Detail + "; nothing was appended", NotAppended: true, Cause: context.DeadlineExceeded}
	errOutcomeUnknown = &dcb.Error{Kind: dcb.ErrTransport, Detail: errOverdue.Detail + "; whether the events were appended is unknown", Cause: context.DeadlineExceeded}
)

// inTime returns errNotAppended for an append that the store gave up when ctx was done,
// and any other error as it is.
func inTime(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errNotAppended
	}
	return err
}

func (e *embedded) read(ctx context.Context, request []byte) (messages, error) {
	parsed, err := encoding.ParseRead(request, e.Limits())
	if err != nil {
		return nil, err
	}
	if parsed.BatchSize == 0 {
		parsed.BatchSize = e.batchSize
	}
	opened, err := e.OpenRead(parsed)
	return &cursor{Cursor: opened, ctx: ctx, subscribes: parsed.Subscribe}, err
}

func (e *embedded) subscribe(ctx context.Context, request []byte, _ bool) (messages, error) {
	parsed, err := encoding.ParseSubscribe(request, e.Limits())
	if err != nil {
		return nil, err
	}
	if parsed.BatchSize == 0 {
		parsed.BatchSize = e.batchSize
	}
	opened, err := e.OpenSubscription(parsed)
	return &cursor{Cursor: opened, ctx: ctx, subscribes: true}, err
}

// errNoHealth is the answer to questions about the health of a service that an
// embedded store does not have.
var errNoHealth = &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "an embedded store has the health of no service by that name"}

func (e *embedded) health(service string) (client.HealthStatus, error) {
	if service != "" {
		return client.HealthServiceUnknown, errNoHealth
	}
	select {
	case <-e.Failed():
		return client.HealthNotServing, nil
	default:
		return client.HealthServing, nil
	}
}

func (e *embedded) checkHealth(ctx context.Context, service string) (client.HealthStatus, error) {
	if _, err := e.Head(ctx); err != nil {
		return client.HealthUnknown, err // closed
	}
	return e.health(service)
}

func (e *embedded) watchHealth(ctx context.Context, service string) (messages, error) {
	if _, err := e.health(service); err != nil {
		return nil, err
	}
	return &watch{store: e, ctx: ctx, failed: e.Failed()}, nil
}

// watch tells the health of an embedded store: now, and when that fails.
type watch struct {
	store  *embedded
	ctx    context.Context
	failed <-chan struct{} // of the store; nil once that has been told
	told   bool
}

// Next gives a HealthCheckResponse.
func (w *watch) Next() ([]byte, error) {
	if w.told {
		select {
		case <-w.ctx.Done():
			return nil, w.ctx.Err()
		case <-w.failed:
		}
	}
	w.told = true
	status, err := w.store.health("")
	if status == client.HealthNotServing {
		w.failed = nil
	}
	return []byte{8, byte(status)}, err
}

// Close does nothing.
func (w *watch) Close() {}

// cursor is a stream of an embedded store.
type cursor struct {
	encoding.Cursor
	ctx        context.Context
	subscribes bool
	buffer     []byte
}

// Next returns the next message of a read, or the next one of a subscription that has
// events.
func (c *cursor) Next() (message []byte, err error) {
	for {
		if err := c.Wait(c.ctx); err != nil {
			return nil, err
		}
		c.buffer, err = c.Cursor.Next(c.ctx, c.buffer[:0], math.MaxInt)
		if err != nil || len(c.buffer) > 0 || !c.subscribes {
			return c.buffer, err
		}
	}
}

// Close frees the buffer.
func (c *cursor) Close() { c.buffer = nil }
