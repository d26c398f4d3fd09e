package store

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	// laneLength is the capacity of a lane.
	laneLength = 4096
	// A small append has at most smallBytes of events, and at most smallTerms tags
	// together with the types and tags of its condition.
	smallBytes = 64 << 10
	smallTerms = 1024
)

// queue holds the appends that wait for the writer. It has two lanes, so that small
// appends do not wait for all large ones. Each lane is first in, first out.
type queue struct {
	small, large chan *operation

	pending  atomic.Int64 // operations sent, and neither answered nor dropped
	progress atomic.Int64 // time of the last answer or of the first wait, in Unix nanoseconds
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

// isLarge reports whether an operation belongs in the large lane. An operation whose
// condition has reached the writer's step limit does.
func (op *operation) isLarge() bool {
	terms := op.request.Tags
	if op.condition != nil {
		terms += op.condition.terms
	}
	return len(op.request.Events) > smallBytes || terms > smallTerms || op.rounds > 0
}

// receive returns an operation from the first lane that has one, or nil. A nil lane
// is skipped.
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

// submit sends an operation to the writer. It fails if the caller cancels before the
// lane has capacity.
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

// trySubmit is submit for callers that must not wait. It reports false if the lane is full.
func (q *queue) trySubmit(op *operation) bool {
	op.queue, op.large = q, op.isLarge()
	q.begin()
	select {
	case q.lane(op) <- op:
		return true
	default:
		q.leave()
		return false
	}
}

// begin records that an operation is about to wait.
func (q *queue) begin() {
	if q.pending.Load() == 0 {
		q.progress.Store(time.Now().UnixNano())
	}
	q.pending.Add(1)
}

// leave records that an operation was not sent to the writer. This is not progress.
func (q *queue) leave() { q.pending.Add(-1) }

// end records that the writer has answered or dropped n operations, which is progress.
func (q *queue) end(n int) {
	q.progress.Store(time.Now().UnixNano())
	q.pending.Add(int64(-n))
}

// AppendStall returns how long appends have been waiting without any of them being
// answered, 0 if none waits.
func (s *Store) AppendStall() time.Duration {
	if s.pipeline == nil {
		return 0
	}
	q := s.pipeline.queue
	if q.pending.Load() == 0 {
		return 0
	}
	return max(0, time.Duration(time.Now().UnixNano()-q.progress.Load()))
}
