package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
)

// Groups iterates over the groups after the group with the given index and chain, as
// stored and verified, up to the last one that is durable when the iteration starts.
// With follow, it then waits for more and ends only with an error: that of ctx, or
// dcb.ErrClosed. If the log does not contain the group after which it should start, the
// error is dcb.ErrIntegrity. An error is the last value that it yields. The bytes of a
// group are valid until the next one is yielded. Close does not wait for the caller. It does not
// ask the shared log, which may be down when its groups are needed.
func (s *Store) Groups(ctx context.Context, after eventlog.GroupID, follow bool) iter.Seq2[eventlog.Group, error] {
	return func(yield func(eventlog.Group, error) bool) {
		if err := s.awaitKnown(ctx, after.Index); err != nil {
			yield(eventlog.Group{}, err)
			return
		}
		c := groupCursor{store: s, after: after, last: s.published.Load().group}
		for {
			g, err := c.next(ctx)
			if errors.Is(err, io.EOF) {
				if !follow {
					return
				}
				if err = c.wait(ctx); err == nil {
					continue
				}
			}
			if !yield(g, storeError(err, "reading the log")) || err != nil {
				return
			}
		}
	}
}

// awaitKnown waits until the store has a group that the caller knows. A replica of a shared log
// may have lost it in a crash, or be late.
func (s *Store) awaitKnown(ctx context.Context, group uint64) error {
	sh := s.shared
	switch {
	case sh == nil:
		return s.refresh(ctx)
	case group == math.MaxUint64: // no store has it: the caller only checks that groups are sent
		return nil
	}
	expired := time.NewTimer(sh.MaxStaleness)
	defer expired.Stop()
	return s.awaitGroup(ctx, group, expired.C, func() string {
		return fmt.Sprintf("this server has %d groups after %v, and the caller has %d; try again, or read from another server", s.published.Load().group, sh.MaxStaleness, group)
	})
}

// LastGroup returns the index of the last durable group and the position of the last event
// up to it.
func (s *Store) LastGroup() (index, head uint64) {
	published := s.published.Load()
	return published.group, published.head
}

// groupCursor reads groups. It is inside the gate only while it reads.
type groupCursor struct {
	store  *Store
	after  eventlog.GroupID
	last   uint64           // a durable group
	reader *eventlog.Reader // nil before the first read
}

// next returns the next group up to last, or io.EOF.
func (c *groupCursor) next(ctx context.Context) (eventlog.Group, error) {
	s := c.store
	if err := s.gate.enter(ctx); err != nil {
		return eventlog.Group{}, err
	}
	defer s.gate.leave()
	if c.reader == nil {
		var err error
		if c.reader, err = s.log.ReaderAfter(c.after, c.last, func() error { return s.interrupted(ctx) }); err != nil {
			return eventlog.Group{}, err
		}
	}
	return c.reader.Next(c.last)
}

// wait waits until there are durable groups after last.
func (c *groupCursor) wait(ctx context.Context) error {
	s := c.store
	if s.reader != nil {
		err := s.reader.wait(ctx, func() bool { return c.last < s.published.Load().group })
		c.last = s.published.Load().group
		return err
	}
	w := s.watches.add(compile(s.hasher, dcb.Query{}), s.newestHead())
	defer s.watches.remove(w)
	for c.last == s.published.Load().group {
		select {
		case <-w.woken:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.closing:
			return dcb.ErrClosed
		}
	}
	c.last = s.published.Load().group
	return nil
}
