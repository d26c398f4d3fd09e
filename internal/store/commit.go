package store

import (
	"context"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

// Append implements dcb.EventStore.
func (s *Store) Append(ctx context.Context, events []dcb.Event, condition *dcb.AppendCondition, tracking *dcb.TrackingInfo) (uint64, error) {
	request, err := record.NewAppend(events, condition, tracking, &s.options.Limits)
	if err != nil {
		return 0, err
	}
	return s.Commit(ctx, request, nil)
}

// Commit appends the events of a validated request and returns the position of the
// last event once it is durable. If ctx is done before the writer has claimed the
// request, nothing is appended; afterwards, Commit waits for the result, or, in shared mode,
// returns that it is unknown. Closing giveUp, which may be nil, has the same effect, with the
// error context.Canceled. The request is not used after Commit has returned.
//
// Most of a condition is evaluated here, in the caller's goroutine. The log only
// grows: a condition that fails at a published head fails forever, and one that holds
// up to the head has to be evaluated only above it.
func (s *Store) Commit(ctx context.Context, request *record.AppendRequest, giveUp <-chan struct{}) (uint64, error) {
	if err := s.gate.enter(ctx); err != nil {
		return 0, err
	}
	defer s.gate.leave()
	if s.shared != nil {
		return s.commitShared(ctx, request, giveUp)
	}
	op := s.newCommit(request)
	op.giveUp = giveUp
	position, err := s.commit(ctx, op)
	s.commits.failed(err)
	return position, err
}

// newCommit returns an operation for an append.
func (s *Store) newCommit(request *record.AppendRequest) *operation {
	if s.shared != nil {
		request = ownRequest(request)
	}
	op := newOperation(request)
	if request.Condition != nil {
		op.condition = compile(s.hasher, request.Condition.FailIfEventsMatch)
		op.checkedTo = request.Condition.After
	}
	return op
}

// commit submits an operation until it is decided.
func (s *Store) commit(ctx context.Context, op *operation) (uint64, error) {
	if err := s.refusal(); err != nil {
		return 0, err
	}
	request := op.request
	for {
		if err := s.failureError(); err != nil {
			return 0, err
		}
		conflict, err := s.precheck(ctx, op)
		op.prechecked()
		if err != nil {
			return 0, storeError(err, "evaluating the append condition")
		}
		if conflict != 0 {
			return s.resolve(ctx, request, conflict)
		}
		if request.Count == 0 && len(op.changes) == 0 {
			return 0, nil
		}
		r, err := s.pipeline.submit(ctx, op)
		switch {
		case err != nil:
			return 0, err
		case r.stale:
			s.commits.stale.Add(1)
			if request.StopIfLost && s.PreferredWriter() != "" {
				return 0, record.ErrLost
			}
			op.repeat()
			continue
		case r.conflict != 0:
			return s.resolve(ctx, request, r.conflict)
		}
		return r.position, r.err
	}
}

// precheck evaluates the condition up to the published head, and looks up the
// recorded positions of the tracking sources. It returns the position of the event
// that fails the condition, 0 if there is none.
func (s *Store) precheck(ctx context.Context, op *operation) (conflict uint64, err error) {
	op.group = s.published.Load().group
	sn := s.snapshot()
	defer sn.release()
	if op.condition != nil && op.checkedTo < sn.head {
		conflict, err := s.firstMatch(ctx, sn, op.condition, op.checkedTo, op.giveUp)
		if err != nil || conflict != 0 {
			return conflict, err
		}
		op.checkedTo = sn.head
	}
	for i := range op.changes {
		c := &op.changes[i]
		c.term = s.hasher.Source(c.from.Source)
		if c.recorded, err = s.tracking(sn, c.term); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// resolve handles an append whose condition fails at the durable event at conflict.
// If the append repeats an earlier one, resolve returns the position of that one's
// last event, else an integrity error.
func (s *Store) resolve(ctx context.Context, request *record.AppendRequest, conflict uint64) (uint64, error) {
	last, err := s.recogniseRetry(ctx, request, conflict)
	if err != nil {
		return 0, storeError(err, "comparing the append with the conflicting events")
	}
	if last != 0 {
		s.commits.retries.Add(1)
		return last, nil
	}
	return 0, conflictError(request.Condition, conflict)
}
