package store

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	// laneLength is the number of appends that a lane has room for.
	laneLength = 4096
	// A small append takes at most smallBytes and has at most smallTerms tags, and
	// types and tags in its condition.
	smallBytes = 64 << 10
	smallTerms = 1024
)

// queue is the appends that wait for the writer. It has two lanes, so that small
// appends do not wait for all large ones. Each lane is in the order of arrival.
type queue struct {
	small, large chan *operation

	pending  atomic.Int64 // sent and neither answered nor dropped
	progress atomic.Int64 // when one was last answered or began to wait alone, in Unix nanoseconds
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

// isLarge reports whether an operation belongs in the large lane. It does if its
// condition has reached the writer's limit of steps.
func (op *operation) isLarge() bool {
	terms := op.request.Tags
	if op.condition != nil {
		terms += op.condition.terms
	}
	return len(op.request.Events) > smallBytes || terms > smallTerms || op.rounds > 0
}

// receive returns an operation of the first lane in which one waits, or nil. A nil
// lane is passed over.
func receive(lanes ...<-chan *operation) *operation {
	for _, lane := range lanes {
		select {
		case op := <-lane:
			return op
		default:
		}
	}
	return nil
}

// submit sends an operation to the writer, unless the caller gives up before there is room.
func (q *queue) submit(ctx context.Context, op *operation) error {
	op.queue, op.large = q, op.isLarge()
	q.begin()
	select {
	case q.lane(op) <- op:
		return nil
	case <-ctx.Done():
		q.leave()
		return ctx.Err()
	case <-op.giveUp:
		q.leave()
		return context.Canceled
	}
}

// begin notes that an operation is about to wait.
func (q *queue) begin() {
	if q.pending.Load() == 0 {
		q.progress.Store(time.Now().UnixNano())
	}
	q.pending.Add(1)
}

// leave notes that an operation no longer waits, though the writer has done nothing.
func (q *queue) leave() { q.pending.Add(-1) }

// end notes that an operation is answered or dropped, so appends make progress.
func (q *queue) end() {
	q.progress.Store(time.Now().UnixNano())
	q.pending.Add(-1)
}

// AppendStall returns for how long appends have waited without any of them being
// answered; 0 if none waits.
func (s *Store) AppendStall() time.Duration {
	if s.queue.pending.Load() == 0 {
		return 0
	}
	return max(0, time.Duration(time.Now().UnixNano()-s.queue.progress.Load()))
}
