package store

import (
	"context"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// Commit makes a validated append: it returns the position of the last event
// once that is durable. If ctx is done before the writer has taken the request,
// nothing happens; after that, the outcome is waited for. The same holds when giveUp is
// closed, which may be nil: then Commit fails with context.Canceled. The request is not
// touched once Commit has returned.
//
// Most of a condition is decided here, in the caller's goroutine: the log only
// grows, so one that fails at a published head fails for ever, and one that
// holds up to it needs looking at only above.
func (s *Store) Commit(ctx context.Context, request *encoding.AppendRequest, giveUp <-chan struct{}) (uint64, error) {
	if err := s.gate.enter(ctx); err != nil {
		return 0, err
	}
	defer s.gate.leave()
	op := newOperation(request)
	op.giveUp = giveUp
	if request.Condition != nil {
		op.condition = compile(s.hasher, request.Condition.FailIfEventsMatch)
		op.examined = request.Condition.After
	}
	return s.commit(ctx, op)
}

// commit takes an operation to its verdict.
func (s *Store) commit(ctx context.Context, op *operation) (uint64, error) {
	if s.options.ReadOnly {
		return 0, errReadOnly
	}
	request := op.request
	for {
		if err := s.failureError(); err != nil {
			return 0, err
		}
		conflict, err := s.examine(ctx, op)
		if err != nil {
			return 0, storeError(err, "evaluating the append condition")
		}
		if conflict != 0 {
			return s.resolve(ctx, request, conflict)
		}
		if request.Count == 0 && len(op.changes) == 0 {
			return 0, nil
		}
		v, err := s.submit(ctx, op)
		switch {
		case err != nil:
			return 0, err
		case v.stale:
			continue
		case v.conflict != 0:
			return s.resolve(ctx, request, v.conflict)
		}
		return v.position, v.err
	}
}

// examine evaluates the condition up to the published head, and looks up what is
// recorded of the tracking sources. It gives the event that fails the condition.
func (s *Store) examine(ctx context.Context, op *operation) (conflict uint64, err error) {
	op.group = s.published.Load().group
	sn := s.snapshot()
	defer sn.release()
	if op.condition != nil && op.examined < sn.head {
		conflict, err := s.firstMatch(ctx, op.giveUp, sn, op.condition, op.examined)
		if err != nil || conflict != 0 {
			return conflict, err
		}
		op.examined = sn.head
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

// submit queues the operation and waits for the verdict.
func (s *Store) submit(ctx context.Context, op *operation) (verdict, error) {
	op.taken.Store(false)
	if err := s.queue.submit(ctx, op); err != nil {
		return verdict{}, err
	}
	select {
	case v := <-op.verdict:
		return v, nil
	case <-ctx.Done():
		return op.withdraw(ctx.Err())
	case <-op.giveUp:
		return op.withdraw(context.Canceled)
	}
}

// withdraw takes the operation back with a reason, unless the writer has taken it.
func (op *operation) withdraw(reason error) (verdict, error) {
	if op.take() {
		op.request, op.condition = nil, nil // the queue keeps op until its turn
		return verdict{}, reason
	}
	return <-op.verdict, nil
}

// resolve answers an append whose condition the durable event at conflict fails:
// it is the same append made before, or an integrity error.
func (s *Store) resolve(ctx context.Context, request *encoding.AppendRequest, conflict uint64) (uint64, error) {
	last, err := s.recogniseRetry(ctx, request, conflict)
	if err != nil {
		return 0, storeError(err, "comparing the append with the events at its conflict")
	}
	if last != 0 {
		return last, nil
	}
	return 0, conflictError(request.Condition, conflict)
}

// tracking gives what a snapshot has of a source: the newest block that knows it.
func (s *Store) tracking(sn snapshot, source index.Term) (tracked, error) {
	for i := len(sn.memories) - 1; i >= 0; i-- {
		if position, known, _ := sn.memories[i].Tracking(source); known {
			return tracked{position, true}, nil
		}
	}
	for i := len(sn.blocks) - 1; i >= 0; i-- {
		position, known, err := sn.blocks[i].Tracking(source)
		if err != nil {
			s.suspect(sn.blocks, err)
			return tracked{}, storeError(err, "looking up a tracking source")
		}
		if known {
			return tracked{position, true}, nil
		}
	}
	return tracked{}, nil
}

// GetTrackingInfo returns the last durable position of a source, and whether
// there is one.
func (s *Store) GetTrackingInfo(ctx context.Context, source string) (uint64, bool, error) {
	if err := encoding.CheckSource(source); err != nil {
		return 0, false, err
	}
	if err := s.gate.enter(ctx); err != nil {
		return 0, false, err
	}
	defer s.gate.leave()
	sn := s.snapshot()
	defer sn.release()
	t, err := s.tracking(sn, s.hasher.Source(source))
	return t.position, t.known, err
}

var _ dcb.EventStore = (*Store)(nil)
