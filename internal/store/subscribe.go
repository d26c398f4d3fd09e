package store

import (
	"context"
	"errors"
	"io"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// OpenSubscription begins a subscription.
func (s *Store) OpenSubscription(r *encoding.SubscribeRequest) (encoding.Cursor, error) {
	return &subscription{store: s, query: compile(s.hasher, r.Query), examined: r.After, batchSize: batchSize(r.BatchSize), left: -1}, nil
}

// subscribeFrom begins a read that subscribes: its start is inclusive, and it
// may have a limit.
func (s *Store) subscribeFrom(r *encoding.ReadRequest) encoding.Cursor {
	c := &subscription{store: s, query: compile(s.hasher, r.Query), batchSize: batchSize(r.BatchSize), left: -1}
	if start := r.Options.Start; start != nil && *start > 0 {
		c.examined = *start - 1
	}
	if limit := r.Options.Limit; limit != nil {
		c.left = int64(*limit)
	}
	return c
}

// subscription follows the published head. Its cursor moves with what it has
// examined, so that a query that rarely matches rescans nothing.
type subscription struct {
	store     *Store
	query     *query
	examined  uint64
	batchSize int
	left      int64 // events up to the limit; -1 without one
}

// Wait waits until an event may have been stored that matches. It returns io.EOF when
// the store closes, or when the limit is reached.
func (c *subscription) Wait(ctx context.Context) error {
	if c.left == 0 {
		return io.EOF
	}
	if c.isBehind() {
		return nil
	}
	w := c.store.watches.add(c.query, c.store.newestMemory())
	defer c.store.watches.remove(w)
	if c.isBehind() {
		return nil // events were published before the watch began
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

// isBehind reports whether there are published events that were not examined.
func (c *subscription) isBehind() bool { return c.store.published.Load().head > c.examined }

// Next appends the first events of those not examined that match.
func (c *subscription) Next(ctx context.Context, dst []byte, room int) ([]byte, error) {
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
	if head <= c.examined {
		return dst, nil
	}
	sn := snapshot{s.states.hold(), head}
	defer sn.release()
	most := batchBound{events: c.batchSize, bytes: room}
	if c.left >= 0 {
		most.events = int(min(c.left, int64(most.events)))
	}
	dst, p, err := s.batch(ctx, sn, c.query, c.examined+1, head, index.Forwards, most, dst)
	if err != nil {
		return dst, err
	}
	c.examined = head
	if !p.end {
		c.examined = p.last
	}
	if c.left > 0 {
		c.left -= int64(p.count)
	}
	return dst, nil
}
