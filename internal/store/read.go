package store

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// locateAtATime is how many positions are located together.
const locateAtATime = 256

// progress is how far a batch got.
type progress struct {
	position uint64 // where to go on, unless this is the end
	count    int    // events given
	last     uint64 // position of the last event given; 0 for none
	end      bool   // the range is done
}

// batchBound is how much a batch may have.
type batchBound struct{ events, bytes int }

// batch appends the records of the next events that the query matches between low and
// high, as many as the bound allows, and of more than one event at most batchBytes bytes.
// It returns an encoding.MessageTooSmallError if the first record has more bytes than the bound.
func (s *Store) batch(ctx context.Context, sn snapshot, q *query, low, high uint64, direction index.Direction, most batchBound, dst []byte) ([]byte, progress, error) {
	b := batchers.Get().(*batcher)
	defer b.free()
	b.store, b.direction, b.most = s, direction, most
	err := s.evaluate(ctx, sn, &evaluation{query: q, direction: direction, visit: b.visit}, low, high)
	if err == nil && !b.full {
		err = b.locate()
		s.suspect(sn.blocks, err)
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

// free gives the batcher back, with the room that it has grown to.
func (b *batcher) free() {
	clear(b.records)
	*b = batcher{fetcher: fetcher{records: b.records[:0], locations: b.locations[:0]}, pending: b.pending[:0]}
	batchers.Put(b)
}

// batcher collects what a walk visits until a batch is full.
type batcher struct {
	fetcher
	part    part
	pending []uint64 // visited and not located, in part
	full    bool
}

func (b *batcher) visit(p part, position uint64) (bool, error) {
	if p != b.part {
		if err := b.locate(); err != nil || b.full {
			return false, err
		}
		b.part = p
	}
	b.pending = append(b.pending, position)
	if len(b.records)+len(b.pending) == b.most.events {
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
	n, err := b.gather(b.part, b.pending)
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

// OpenRead begins a read of what is published now.
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

func batchSize(asked uint32) int {
	if asked == 0 {
		return encoding.DefaultBatchSize
	}
	return int(min(asked, encoding.MaxBatchSize))
}

// readCursor walks from low to high, or back. It holds no state between
// messages: positions do not change their meaning, so each message looks at the
// blocks of its time, up to the head of the beginning.
type readCursor struct {
	store     *Store
	query     *query
	direction index.Direction
	head      uint64
	low, high uint64
	batchSize int
	left      int64 // events up to the limit; -1 without one
	sent      bool  // a message was given
	done      bool
}

// Wait does not wait: all that the read returns is there.
func (c *readCursor) Wait(context.Context) error {
	if c.done {
		return io.EOF
	}
	return nil
}

// Next appends the next message.
func (c *readCursor) Next(ctx context.Context, dst []byte, room int) ([]byte, error) {
	if c.done {
		return dst, io.EOF
	}
	if err := c.store.gate.enter(ctx); err != nil {
		return dst, err
	}
	defer c.store.gate.leave()
	sn := snapshot{c.store.states.hold(), c.head}
	defer sn.release()
	most := batchBound{events: c.messageLimit(), bytes: room - encoding.MaxHeadBytes}
	dst, p, err := c.store.batch(ctx, sn, c.query, c.low, c.high, c.direction, most, dst)
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
