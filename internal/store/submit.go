package store

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/internal/record"
)

// submitSteps bounds the steps that Submit takes for a condition.
const submitSteps = 256

// Submit is Commit for callers that must not wait. It reports false, and has no effect, if the
// append fails, so that Commit says why, and if it could wait:
//
//   - its condition or its source concerns positions that are no longer in head blocks;
//   - it takes many steps to decide;
//   - the queue is full;
//   - the log is shared, which can take any time.
//
// Otherwise done is called once, perhaps before Submit returns, in a goroutine of the pipeline,
// which it must not delay. The request is used until then.
//
// An append that the writer has not decided at the deadline, if that is not zero, or when
// cancel is called, has no effect, and fails with the error of a context.
func (s *Store) Submit(request *record.AppendRequest, deadline time.Time, done func(uint64, error)) (cancel func(), ok bool) {
	if s.pipeline == nil || s.shared != nil || s.failureError() != nil || s.gate.enter(context.Background()) != nil {
		return nil, false
	}
	defer func() { // even after a panic
		if !ok {
			s.gate.leave()
		}
	}()
	m := &submission{store: s, done: done}
	m.op.request, m.op.deadline, m.op.done = request, deadline, m.decided
	m.op.start()
	if !s.precheckInMemory(&m.op) {
		return nil, false
	}
	m.op.prechecked()
	if !s.pipeline.queue.trySubmit(&m.op) {
		return nil, false
	}
	return m.cancel, true
}

// submission is an append that was submitted.
type submission struct {
	store *Store
	op    operation
	done  func(uint64, error)

	cancelled atomic.Bool
	cancelRun atomic.Pointer[context.CancelFunc] // ends the goroutine of finish
}

// decided handles the writer's result. What may have to wait is done in a goroutine.
func (m *submission) decided(r result) {
	if !r.stale && r.conflict == 0 {
		m.answer(r.position, r.err)
		return
	}
	go m.finish(r)
}

// finish resolves a conflict, or commits the append again if it is stale.
func (m *submission) finish(r result) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	m.cancelRun.Store(&cancel)
	if m.cancelled.Load() {
		m.answer(0, context.Canceled)
		return
	}
	if !m.op.deadline.IsZero() {
		var end context.CancelFunc
		ctx, end = context.WithDeadline(ctx, m.op.deadline)
		defer end()
	}
	var position uint64
	var err error
	if r.conflict != 0 {
		position, err = m.store.resolve(ctx, m.op.request, r.conflict)
	} else {
		position, err = m.store.commit(ctx, m.again())
	}
	m.answer(position, err)
}

// again returns an operation for an append that is stale.
func (m *submission) again() *operation {
	m.store.commits.stale.Add(1)
	m.op.repeat()
	op := m.store.newCommit(m.op.request)
	op.started = m.op.started
	return op
}

// cancel withdraws the append, unless the writer has decided it.
func (m *submission) cancel() {
	if m.op.claim() {
		m.op.request, m.op.condition = nil, nil // the queue keeps it until its turn
		m.answer(0, context.Canceled)
		return
	}
	m.cancelled.Store(true)
	if cancel := m.cancelRun.Load(); cancel != nil {
		(*cancel)()
	}
}

func (m *submission) answer(position uint64, err error) {
	m.store.commits.failed(err)
	m.done(position, err)
	m.store.gate.leave()
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
