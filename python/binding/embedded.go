//go:build cgo

package main

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/store"
)

// embedded is the backend of a store that is open in this process.
type embedded struct{ *store.Store }

func (e *embedded) append(ctx context.Context, request []byte) (uint64, error) {
	parsed, err := record.ParseAppend(request, e.Limits())
	if err != nil {
		return 0, err
	}
	if _, ok := ctx.Deadline(); ok {
		return e.commitWithDeadline(ctx, parsed)
	}
	return e.Commit(ctx, parsed, nil)
}

// grace is how long an append that has timed out may take to report that nothing was
// appended.
const grace = 10 * time.Millisecond

// commitWithDeadline is like Commit, but waits for the disk no longer than the deadline
// of ctx and grace.
func (e *embedded) commitWithDeadline(ctx context.Context, request *record.AppendRequest) (uint64, error) {
	committed := make(chan result, 1)
	go func() {
		position, err := e.Commit(ctx, request, nil)
		committed <- result{number: position, err: err}
	}()
	select {
	case r := <-committed:
		return r.number, commitError(r.err)
	case <-ctx.Done():
	}
	select {
	case r := <-committed:
		return r.number, commitError(r.err)
	case <-time.After(grace):
		return 0, errOutcomeUnknown
	}
}

var (
	errNotAppended    = &dcb.Error{Kind: dcb.ErrTransport, Detail: errTimedOut.Detail + "; nothing was appended", NotAppended: true, Cause: context.DeadlineExceeded}
	errOutcomeUnknown = &dcb.Error{Kind: dcb.ErrTransport, Detail: errTimedOut.Detail + "; whether the events were appended is unknown", Cause: context.DeadlineExceeded}
)

// commitError returns errNotAppended for an append that the store abandoned when its
// context was done, and any other error as it is.
func commitError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errNotAppended
	}
	return err
}

func (e *embedded) read(ctx context.Context, request []byte) (messages, error) {
	parsed, err := record.ParseRead(request, e.Limits())
	if err != nil {
		return nil, err
	}
	parsed.RecordedAt = true
	opened, err := e.OpenRead(ctx, parsed)
	return &cursor{Cursor: opened, ctx: ctx, subscribes: parsed.Subscribe}, err
}

func (e *embedded) subscribe(ctx context.Context, request []byte, options subscribeOptions) (messages, error) {
	parsed, err := record.ParseSubscribe(request, e.Limits())
	if err != nil {
		return nil, err
	}
	parsed.RecordedAt, parsed.Progress = true, options.progress
	opened, err := e.OpenSubscription(parsed)
	return &cursor{Cursor: opened, ctx: ctx, subscribes: true}, err
}

func (e *embedded) terms(ctx context.Context, request []byte) (messages, error) {
	parsed, err := record.ParseTerms(request, e.Limits())
	if err != nil {
		return nil, err
	}
	opened, err := e.OpenTerms(ctx, parsed)
	return &cursor{Cursor: opened, ctx: ctx}, err
}

// errNoHealth is returned for a health check of a named service.
var errNoHealth = &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "an embedded store has no named services: leave the service empty"}

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

// watch is a stream of the health of an embedded store: the status now, and the failure
// of the store.
type watch struct {
	store   *embedded
	ctx     context.Context
	failed  <-chan struct{} // closed when the store fails; nil after that was reported
	started bool            // the first status was reported
}

// Next returns a HealthCheckResponse.
func (w *watch) Next() ([]byte, error) {
	if w.started {
		select {
		case <-w.ctx.Done():
			return nil, w.ctx.Err()
		case <-w.failed:
		}
	}
	w.started = true
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
	record.Cursor
	ctx        context.Context
	subscribes bool
	buffer     []byte
}

// Next returns the next message of a read, or the next message of a subscription that
// contains events or progress.
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

// Close closes the cursor and releases the buffer.
func (c *cursor) Close() {
	c.Cursor.Close()
	c.buffer = nil
}
