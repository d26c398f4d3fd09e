package store

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	// laneLength is how many appends may wait in a lane before their callers do.
	laneLength = 4096
	// A small append takes at most smallBytes and has at most smallTerms tags, and
	// types and tags in its condition.
	smallBytes = 64 << 10
	smallTerms = 1024
)

// queue is the appends that wait for the writer, in two lanes, so that small ones
// do not wait for all the large ones. Each lane is in the order of arrival.
type queue struct {
	small, large chan *operation

	pending atomic.Int64 // sent and neither answered nor dropped
	waiting atomic.Int64 // since when, in Unix nanoseconds; 0 if none is pending
}

func newQueue() *queue {
	return &queue{small: make(chan *operation, laneLength), large: make(chan *operation, laneLength)}
}

// lane returns the lane of an operation.
func (q *queue) lane(op *operation) chan *operation {
	if op.large {
		return q.large
	}
	return q.small
}

// isLarge reports whether an operation is one for the large lane. One that was given
// back for want of steps is.
func (op *operation) isLarge() bool {
	terms := op.request.Tags
	if op.condition != nil {
		terms += op.condition.terms
	}
	return len(op.request.Events) > smallBytes || terms > smallTerms || op.rounds > 0
}

// next returns an operation that waits, or nil.
func (q *queue) next(largeFirst bool) *operation {
	first, second := q.small, q.large
	if largeFirst {
		first, second = second, first
	}
	select {
	case op := <-first:
		return op
	default:
	}
	select {
	case op := <-second:
		return op
	default:
		return nil
	}
}

// submit sends an operation to the writer, unless ctx is done before there is room.
func (q *queue) submit(ctx context.Context, op *operation) error {
	op.queue, op.large = q, op.isLarge()
	q.begin()
	select {
	case q.lane(op) <- op:
		return nil
	case <-ctx.Done():
		q.pending.Add(-1)
		return ctx.Err()
	}
}

// begin notes that an operation is about to wait.
func (q *queue) begin() {
	q.pending.Add(1)
	q.waiting.CompareAndSwap(0, time.Now().UnixNano())
}

// end notes that an operation is answered or dropped: there is progress.
func (q *queue) end() {
	if q.pending.Add(-1) == 0 {
		q.waiting.Store(0)
		return
	}
	q.waiting.Store(time.Now().UnixNano())
}

// AppendStall returns for how long appends have waited while none was answered; 0
// if none waits.
func (s *Store) AppendStall() time.Duration {
	since := s.queue.waiting.Load()
	if since == 0 {
		return 0
	}
	return time.Duration(time.Now().UnixNano() - since)
}
