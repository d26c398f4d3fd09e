package store

import (
	"context"
	"errors"
	"io"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// OpenSubscription opens a cursor for the events after r.After, and for those to come.
func (s *Store) OpenSubscription(r *encoding.SubscribeRequest) (encoding.Cursor, error) {
	return &subscription{store: s, query: compile(s.hasher, r.Query), checkedTo: r.After, batchSize: batchSize(r.BatchSize), left: -1}, nil
}

// subscribeFrom opens a cursor for a read that subscribes. Its start is inclusive, and
// it may have a limit.
func (s *Store) subscribeFrom(r *encoding.ReadRequest) encoding.Cursor {
	c := &subscription{store: s, query: compile(s.hasher, r.Query), batchSize: batchSize(r.BatchSize), left: -1}
	if start := r.Options.Start; start != nil && *start > 0 {
		c.checkedTo = *start - 1
	}
	if limit := r.Options.Limit; limit != nil {
		c.left = int64(*limit)
	}
	return c
}

// subscription follows the published head. It remembers the last position checked, not
// the last match, so events that do not match are not scanned again.
type subscription struct {
	store     *Store
	query     *query
	checkedTo uint64
	batchSize int
	left      int64 // remaining events up to the limit; -1 if there is no limit
}

// Wait waits until an event that may match is published. It returns io.EOF when the
// store closes, or when the limit is reached.
func (c *subscription) Wait(ctx context.Context) error {
	if c.left == 0 {
		return io.EOF
	}
	if c.hasUnchecked() {
		return nil
	}
	w := c.store.watches.add(c.query, c.store.newestHead())
	defer c.store.watches.remove(w)
	if c.hasUnchecked() {
		return nil // events were published before the watch was added
	}
	select {
	case <-w.woken:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.store.closing:
		return io.EOF
	}
}

// hasUnchecked reports whether there are published events that were not checked.
func (c *subscription) hasUnchecked() bool { return c.store.published.Load().head > c.checkedTo }

// Next appends the next matching events.
func (c *subscription) Next(ctx context.Context, dst []byte, space int) ([]byte, error) {
	if c.left == 0 {
		return dst, io.EOF
	}
	s := c.store
	switch err := s.gate.enter(ctx); {
	case errors.Is(err, dcb.ErrClosed):
		return dst, io.EOF
	case err != nil:
		return dst, err
	}
	defer s.gate.leave()
	head := s.published.Load().head
	if head <= c.checkedTo {
		return dst, nil
	}
	sn := snapshot{s.states.acquire(), head}
	defer sn.release()
	bound := batchBound{events: c.batchSize, bytes: space}
	if c.left >= 0 {
		bound.events = int(min(c.left, int64(bound.events)))
	}
	dst, p, err := s.batch(ctx, sn, c.query, c.checkedTo+1, head, index.Forwards, bound, dst)
	if err != nil {
		return dst, err
	}
	c.checkedTo = head
	if !p.end {
		c.checkedTo = p.last
	}
	if c.left > 0 {
		c.left -= int64(p.count)
	}
	return dst, nil
}
