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

// Next appends the next message; it waits until there is one. It returns io.EOF
// when the store closes, or when the limit is reached.
func (c *subscription) Next(ctx context.Context, dst []byte) ([]byte, error) {
	var w *watch
	for c.left != 0 {
		if head := c.store.published.Load().head; head > c.examined {
			out, count, err := c.catchUp(ctx, head, dst)
			if err != nil || count > 0 {
				return out, err
			}
			continue
		}
		if w == nil {
			w = c.store.watches.add(c.query, c.store.newestMemory())
			defer c.store.watches.remove(w)
			continue // check again: events may have been published before the watch began
		}
		select {
		case <-w.woken:
		case <-ctx.Done():
			return dst, ctx.Err()
		case <-c.store.closing:
			return dst, io.EOF
		}
	}
	return dst, io.EOF
}

// catchUp appends what matches up to a head, or the first of it.
func (c *subscription) catchUp(ctx context.Context, head uint64, dst []byte) ([]byte, int, error) {
	s := c.store
	switch err := s.gate.enter(ctx); {
	case errors.Is(err, dcb.ErrClosed):
		return dst, 0, io.EOF
	case err != nil:
		return dst, 0, err
	}
	defer s.gate.leave()
	sn := snapshot{s.states.hold(), head}
	defer sn.release()
	limit := c.batchSize
	if c.left >= 0 {
		limit = int(min(c.left, int64(limit)))
	}
	dst, p, err := s.batch(ctx, sn, c.query, c.examined+1, head, index.Forwards, limit, dst)
	if err != nil {
		return dst, 0, err
	}
	c.examined = head
	if !p.end {
		c.examined = p.last
	}
	if c.left > 0 {
		c.left -= int64(p.count)
	}
	return dst, p.count, nil
}
