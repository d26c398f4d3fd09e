package store

import (
	"context"
	"errors"
	"io"
	"iter"
	"math"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/record"
)

// cursor returns the messages of a read, which ends at the head that was published when it
// was opened, or of a subscription, which follows the published head.
//
// It references no state between messages. Events never change their position, so each
// message reads from the blocks that are current then.
type cursor struct {
	store     *Store
	query     *query
	direction index.Direction
	low, high uint64 // the positions not yet checked; a subscription has no high
	batchSize int
	left      int64     // remaining events up to the limit; -1 if there is no limit
	head      uint64    // of a read
	follows   bool      // it is a subscription
	times     bool      // the messages have the times of their events
	reported  *reported // nil unless it is a subscription that reports its progress
	started   bool      // a message was returned
	done      bool
	progress  record.Progress // Checked is only set by Progress
	metrics   cursorMetrics
}

// Progress implements record.Cursor.
func (c *cursor) Progress() record.Progress {
	p := c.progress
	p.Checked = c.low - 1
	return p
}

// OpenRead opens a cursor for the events up to the head that is published now. If the
// request subscribes, the cursor follows the head instead. In a store that another process
// writes, OpenRead may have to wait until ctx is done.
func (s *Store) OpenRead(ctx context.Context, r *record.ReadRequest) (record.Cursor, error) {
	if err := s.refresh(ctx); err != nil {
		return nil, err
	}
	c := s.openCursor(r.Query, r.BatchSize)
	defer c.opened()
	c.follows, c.times = r.Subscribe, r.RecordedAt
	if r.Subscribe && r.Progress {
		c.reported = new(reported)
	}
	c.head = s.published.Load().head
	c.high = c.head
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

// OpenSubscription opens a cursor for the events after r.After, and for those to come.
func (s *Store) OpenSubscription(r *record.SubscribeRequest) (record.Cursor, error) {
	c := s.openCursor(r.Query, r.BatchSize)
	defer c.opened()
	c.follows, c.times = true, r.RecordedAt
	if r.Progress {
		c.reported = new(reported)
	}
	c.low = max(r.After, r.After+1) // the greatest position has none after it
	return c, nil
}

func (s *Store) openCursor(q dcb.Query, batchSize uint32) *cursor {
	if batchSize == 0 {
		batchSize = record.DefaultBatchSize
	}
	return &cursor{store: s, query: compile(s.hasher, q), low: 1, batchSize: int(min(batchSize, record.MaxBatchSize)), left: -1}
}

// Wait waits until an event that may match is published, or progress is due. It returns io.EOF at
// the end of a read, when the limit is reached, and when the store closes.
func (c *cursor) Wait(ctx context.Context) error {
	if c.done {
		return io.EOF
	}
	if !c.follows || c.isReady() {
		return nil
	}
	if c.store.reader != nil {
		err := c.store.reader.wait(ctx, c.isReady)
		if errors.Is(err, dcb.ErrClosed) {
			return io.EOF
		}
		return err
	}
	w := c.store.watches.add(c.query, c.store.newestHead())
	defer c.store.watches.remove(w)
	if c.hasUnchecked() {
		return nil // events were published before the watch was added
	}
	c.metrics.waiting.Store(true)
	defer c.metrics.waiting.Store(false)
	var report <-chan time.Time
	timer := c.newProgressTimer()
	if timer != nil {
		defer timer.Stop()
		report = timer.C
	}
	for {
		select {
		case group := <-w.woken:
			c.metrics.wake(group)
			return nil
		case <-report:
			if c.isReady() {
				return nil
			}
			timer.Reset(progressInterval)
		case <-ctx.Done():
			return ctx.Err()
		case <-c.store.closing:
			return io.EOF
		}
	}
}

// isReady reports whether the cursor need not wait.
func (c *cursor) isReady() bool { return c.hasUnchecked() || c.isProgressDue() }

// hasUnchecked reports whether there are published events that were not checked.
func (c *cursor) hasUnchecked() bool { return c.store.published.Load().head >= c.low }

// Next appends the next message.
func (c *cursor) Next(ctx context.Context, dst []byte, space int) ([]byte, error) {
	if c.done {
		return dst, io.EOF
	}
	switch err := c.store.gate.enter(ctx); {
	case c.follows && errors.Is(err, dcb.ErrClosed):
		return dst, io.EOF
	case err != nil:
		return dst, err
	}
	defer c.store.gate.leave()
	read := c.nextOfRead
	if c.follows {
		read = c.nextEvents
	}
	before := c.progress.Events
	dst, err := read(ctx, dst, space)
	c.observe(c.progress.Events-before, err)
	return dst, err
}

// nextEvents appends the next events of a subscription, if there are any, and its progress, if
// that is due.
func (c *cursor) nextEvents(ctx context.Context, dst []byte, space int) ([]byte, error) {
	c.head = c.store.published.Load().head
	c.high = c.head
	if c.reported == nil {
		dst, _, err := c.readUnchecked(ctx, dst, space)
		return dst, err
	}
	dst, last, err := c.readUnchecked(ctx, dst, space-record.MaxProgressBytes)
	if err != nil {
		return dst, withBytes(err, record.MaxProgressBytes)
	}
	return c.appendProgress(dst, last != 0), nil
}

// readUnchecked is read, if there are events that were not checked.
func (c *cursor) readUnchecked(ctx context.Context, dst []byte, space int) ([]byte, uint64, error) {
	if c.high < c.low {
		return dst, 0, nil
	}
	return c.read(ctx, dst, space)
}

// nextOfRead appends the next events of a read and its head. If nothing matches, the first
// message has only the head.
func (c *cursor) nextOfRead(ctx context.Context, dst []byte, space int) ([]byte, error) {
	dst, last, err := c.read(ctx, dst, space-record.MaxHeadBytes)
	switch {
	case err != nil:
		return dst, withBytes(err, record.MaxHeadBytes)
	case last == 0 && c.started:
		c.done = true
		return dst, io.EOF
	}
	c.started = true
	if c.left < 0 {
		last = c.head
	}
	return record.AppendHead(dst, last), nil
}

// withBytes adds bytes to the size that a message that is too small must have.
func withBytes(err error, bytes int) error {
	if larger := (*record.MessageTooSmallError)(nil); errors.As(err, &larger) {
		larger.Need += bytes
	}
	return err
}

// read appends the next events between low and high, and returns the position of the last
// one, 0 if there is none.
func (c *cursor) read(ctx context.Context, dst []byte, space int) ([]byte, uint64, error) {
	sn := snapshot{c.store.states.acquire(), c.head}
	defer sn.release()
	bound := batchBound{events: c.batchSize, bytes: space, times: c.times}
	if c.times {
		bound.bytes -= record.MaxTimesBytes
	}
	if c.left >= 0 {
		bound.events = int(min(c.left, int64(bound.events)))
	}
	dst, b, err := c.store.readBatch(ctx, sn, selection{c.query, c.low, c.high, c.direction}, bound, dst)
	defer b.free()
	if err != nil && c.times {
		err = withBytes(err, record.MaxTimesBytes)
	}
	if err != nil {
		return dst, 0, err
	}
	dst = record.AppendRecordedAt(dst, b.times)
	c.advance(b)
	if last := b.last(); last != 0 {
		c.progress.Last = last
		c.progress.Events += uint64(len(b.records))
	}
	return dst, b.last(), nil
}

// advance moves the cursor after the events of a batch.
func (c *cursor) advance(b *batch) {
	switch {
	case b.end && c.follows:
		c.low = c.high + 1
	case b.end:
		c.done = true
	case c.direction == index.Backwards:
		c.high = b.last() - 1
	default:
		c.low = b.last() + 1
	}
	if c.left >= 0 {
		c.left -= int64(len(b.records))
		c.done = c.done || c.left == 0
	}
}

// Read implements dcb.EventStore. It captures the published head before it returns.
func (s *Store) Read(ctx context.Context, query dcb.Query, options dcb.ReadOptions) *dcb.ReadResponse {
	cursor, err := s.openRead(ctx, &record.ReadRequest{Query: query, Options: options, RecordedAt: true})
	next := func() ([]dcb.SequencedEvent, uint64, error) {
		if err != nil {
			return nil, 0, err
		}
		return decodeNext(ctx, cursor)
	}
	return dcb.NewReadResponse(next, func() {
		if err == nil {
			cursor.Close()
		}
	})
}

// openRead validates a request and opens a cursor for it.
func (s *Store) openRead(ctx context.Context, r *record.ReadRequest) (record.Cursor, error) {
	if err := r.Validate(&s.options.Limits); err != nil {
		return nil, err
	}
	return s.OpenRead(ctx, r)
}

// Subscribe implements dcb.EventStore.
func (s *Store) Subscribe(ctx context.Context, query dcb.Query, after uint64, options ...dcb.SubscribeOptions) iter.Seq2[dcb.SequencedEvent, error] {
	onProgress := record.OnProgress(options)
	return func(yield func(dcb.SequencedEvent, error) bool) {
		if err := record.ValidateQuery(query, &s.options.Limits); err != nil {
			yield(dcb.SequencedEvent{}, err)
			return
		}
		cursor, err := s.OpenSubscription(&record.SubscribeRequest{Query: query, After: after, RecordedAt: true, Progress: onProgress != nil})
		if err == nil {
			defer cursor.Close()
		}
		next := func() ([]byte, error) { return nextMessage(ctx, cursor) }
		if err == nil {
			err = record.Deliver(next, unreadable, onProgress, yield)
		}
		if err != nil {
			yield(dcb.SequencedEvent{}, err)
		}
	}
}

func decodeNext(ctx context.Context, cursor record.Cursor) ([]dcb.SequencedEvent, uint64, error) {
	message, err := nextMessage(ctx, cursor)
	if err != nil {
		return nil, 0, err
	}
	events, head, err := record.DecodeResponse(message)
	if err != nil {
		err = unreadable(err)
	}
	return events, head, err
}

// nextMessage waits for the next message of a cursor.
func nextMessage(ctx context.Context, cursor record.Cursor) ([]byte, error) {
	if err := cursor.Wait(ctx); err != nil {
		return nil, err
	}
	return cursor.Next(ctx, nil, math.MaxInt)
}

// unreadable returns the error for events that cannot be decoded.
func unreadable(err error) error {
	return &dcb.Error{Kind: dcb.ErrCorruption, Detail: "reading events", Cause: err}
}
