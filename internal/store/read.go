package store

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// locateAtATime is the number of positions located together.
const locateAtATime = 256

// progress describes a batch that was read.
type progress struct {
	position uint64 // where to continue, unless end is set
	count    int    // number of events
	last     uint64 // position of the last event; 0 if there is none
	end      bool   // reports whether the range is finished
}

// batchBound bounds the events and the bytes of a batch.
type batchBound struct{ events, bytes int }

// batch appends to dst the records of the next events that the query matches from low
// to high, as many as the bound allows. A batch of more than one event has at most
// batchBytes bytes. batch returns an encoding.MessageTooSmallError if the first record alone
// exceeds bound.bytes.
func (s *Store) batch(ctx context.Context, sn snapshot, q *query, low, high uint64, direction index.Direction, bound batchBound, dst []byte) ([]byte, progress, error) {
	b := batchers.Get().(*batcher)
	defer b.free()
	b.store, b.direction, b.bound = s, direction, bound
	err := s.evaluate(ctx, sn, &evaluation{query: q, direction: direction, visit: b.visit}, low, high)
	if err == nil && !b.full {
		err = b.locate()
		s.markCorrupt(sn.blocks, err)
	}
	if b.need > 0 {
		return dst, progress{}, &encoding.MessageTooSmallError{Need: b.need}
	}
	if err == nil {
		dst, err = b.read(dst)
	}
	if err != nil {
		return dst, progress{}, storeError(err, "reading events")
	}
	return dst, b.progress(), nil
}

var batchers = sync.Pool{New: func() any { return new(batcher) }}

// free returns the batcher to the pool with its buffers.
func (b *batcher) free() {
	clear(b.records)
	*b = batcher{fetcher: fetcher{records: b.records[:0], locations: b.locations[:0]}, pending: b.pending[:0]}
	batchers.Put(b)
}

// batcher collects the visited positions until the batch is full.
type batcher struct {
	fetcher
	block   block
	pending []uint64 // positions in block that were visited and not located yet
	full    bool
}

func (b *batcher) visit(from block, position uint64) (bool, error) {
	if from != b.block {
		if err := b.locate(); err != nil || b.full {
			return false, err
		}
		b.block = from
	}
	b.pending = append(b.pending, position)
	if len(b.records)+len(b.pending) == b.bound.events {
		err := b.locate()
		b.full = true
		return false, err
	}
	if len(b.pending) == locateAtATime {
		if err := b.locate(); err != nil {
			return false, err
		}
	}
	return !b.full, nil
}

// locate locates the pending positions, or as many as fit.
func (b *batcher) locate() error {
	if len(b.pending) == 0 {
		return nil
	}
	n, err := b.gather(b.block, b.pending)
	b.full = b.full || n < len(b.pending)
	b.pending = b.pending[:0]
	return err
}

func (b *batcher) progress() progress {
	p := progress{count: len(b.records), end: !b.full}
	if p.count > 0 {
		p.last = b.records[p.count-1].position
		p.position = p.last + 1
		if b.direction == index.Backwards {
			p.position = p.last - 1
		}
	}
	return p
}

// OpenRead opens a cursor for the events up to the head that is published now.
func (s *Store) OpenRead(r *encoding.ReadRequest) (encoding.Cursor, error) {
	if r.Subscribe {
		return s.subscribeFrom(r), nil
	}
	c := &readCursor{
		store:     s,
		query:     compile(s.hasher, r.Query),
		head:      s.published.Load().head,
		batchSize: batchSize(r.BatchSize),
		left:      -1,
	}
	c.low, c.high = 1, c.head
	start := r.Options.Start
	if r.Options.Backwards {
		c.direction = index.Backwards
		if start != nil {
			c.high = min(c.high, *start)
		}
	} else if start != nil {
		c.low = max(c.low, *start)
	}
	if limit := r.Options.Limit; limit != nil {
		c.left, c.done = int64(*limit), *limit == 0
	}
	return c, nil
}

func batchSize(requested uint32) int {
	if requested == 0 {
		return encoding.DefaultBatchSize
	}
	return int(min(requested, encoding.MaxBatchSize))
}

// readCursor reads the events from low to high, or backwards. It references no state
// between messages. Events never change their position, so each message reads from the
// blocks that are current then, up to the head captured when the cursor was opened.
type readCursor struct {
	store     *Store
	query     *query
	direction index.Direction
	head      uint64
	low, high uint64
	batchSize int
	left      int64 // remaining events up to the limit; -1 if there is no limit
	sent      bool  // reports whether a message was returned
	done      bool
}

// Wait returns immediately: all events of the read are stored already.
func (c *readCursor) Wait(context.Context) error {
	if c.done {
		return io.EOF
	}
	return nil
}

// Next appends the next message.
func (c *readCursor) Next(ctx context.Context, dst []byte, space int) ([]byte, error) {
	if c.done {
		return dst, io.EOF
	}
	if err := c.store.gate.enter(ctx); err != nil {
		return dst, err
	}
	defer c.store.gate.leave()
	sn := snapshot{c.store.states.acquire(), c.head}
	defer sn.release()
	bound := batchBound{events: c.messageLimit(), bytes: space - encoding.MaxHeadBytes}
	dst, p, err := c.store.batch(ctx, sn, c.query, c.low, c.high, c.direction, bound, dst)
	if larger := (*encoding.MessageTooSmallError)(nil); errors.As(err, &larger) {
		larger.Need += encoding.MaxHeadBytes
	}
	if err != nil {
		return dst, err
	}
	if p.count == 0 && c.sent {
		c.done = true
		return dst, io.EOF
	}
	c.advance(p)
	if c.left < 0 {
		return encoding.AppendHead(dst, c.head), nil
	}
	return encoding.AppendHead(dst, p.last), nil
}

func (c *readCursor) messageLimit() int {
	if c.left < 0 {
		return c.batchSize
	}
	return int(min(c.left, int64(c.batchSize)))
}

func (c *readCursor) advance(p progress) {
	c.sent = true
	c.done = p.end
	if c.left >= 0 {
		c.left -= int64(p.count)
		c.done = c.done || c.left == 0
	}
	if c.direction == index.Backwards {
		c.high = p.position
	} else {
		c.low = p.position
	}
}
