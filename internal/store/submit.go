package store

import (
	"context"
	"time"

	"github.com/umadb-go/umadb/internal/record"
)

// submitSteps bounds the steps that Submit takes for a condition.
const submitSteps = 256

// Submit is Commit for callers that must not wait. It reports false, and has no effect, if
// the append cannot be decided from memory: its condition or its source concerns positions
// that are no longer in head blocks, or it takes many steps, or the queue is full, or it
// fails. Commit then says why. Otherwise done is called once, perhaps before Submit returns,
// in a goroutine of the pipeline, which it must not delay. The request is used until then.
//
// An append that the writer has not decided at the deadline, if that is not zero, or when
// cancel is called, has no effect, and fails with the error of a context.
func (s *Store) Submit(request *record.AppendRequest, deadline time.Time, done func(uint64, error)) (cancel func(), ok bool) {
	if s.options.ReadOnly || s.failureError() != nil || s.gate.enter(context.Background()) != nil {
		return nil, false
	}
	op := &operation{request: request, deadline: deadline}
	op.done = func(r result) { s.submitted(op, r, done) }
	if !s.precheckInMemory(op) || !s.pipeline.queue.trySubmit(op) {
		s.gate.leave()
		return nil, false
	}
	return func() {
		if op.claim() {
			s.answerSubmitted(done, 0, context.Canceled)
		}
	}, true
}

// submitted handles the result of an append. What may have to wait is done in a goroutine.
func (s *Store) submitted(op *operation, r result, done func(uint64, error)) {
	if !r.stale && r.conflict == 0 {
		s.answerSubmitted(done, r.position, r.err)
		return
	}
	go func() {
		ctx, cancel := context.Background(), context.CancelFunc(func() {})
		if !op.deadline.IsZero() {
			ctx, cancel = context.WithDeadline(ctx, op.deadline)
		}
		defer cancel()
		var position uint64
		var err error
		if r.conflict != 0 {
			position, err = s.resolve(ctx, op.request, r.conflict)
		} else {
			position, err = s.commit(ctx, s.newCommit(op.request))
		}
		s.answerSubmitted(done, position, err)
	}()
}

func (s *Store) answerSubmitted(done func(uint64, error), position uint64, err error) {
	done(position, err)
	s.gate.leave()
}

// precheckInMemory is precheck for an append that can be decided from the head blocks. It
// reports false for all others, and for those that fail.
func (s *Store) precheckInMemory(op *operation) bool {
	request := op.request
	if request.Count == 0 {
		return false
	}
	op.group = s.published.Load().group
	sn := s.snapshot()
	defer sn.release()
	if request.Condition != nil {
		op.condition = compile(s.hasher, request.Condition.FailIfEventsMatch)
		op.checkedTo = request.Condition.After
		if op.checkedTo < sn.head {
			if op.checkedTo+1 < sn.heads[0].span.First {
				return false
			}
			conflict, _, err := firstMatchWithin(sn, op.condition, op.checkedTo, submitSteps)
			if conflict != 0 || err != nil {
				return false
			}
			op.checkedTo = sn.head
		}
	}
	if info := request.Tracking; info != nil {
		change := trackingChange{from: *info, to: *info, term: s.hasher.Source(info.Source)}
		if change.recorded = trackingInMemory(sn, change.term); !change.recorded.known {
			return false
		}
		op.changes = []trackingChange{change}
	}
	return true
}
