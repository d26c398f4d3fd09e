package store

import (
	"context"
	"errors"

	"github.com/umadb-go/umadb/internal/eventlog"
)

// decide answers an operation or adds it to the open group. The events since the
// caller's precheck are usually in head blocks. If one of these head blocks has been
// flushed and the operation depends on it, the caller must check again.
func (w *writer) decide(op *operation) {
	if err := w.env.admit(); err != nil {
		op.answer(result{err: err})
		return
	}
	if op.expired() {
		op.answer(result{err: context.DeadlineExceeded})
		return
	}
	if !w.isNextPosition(op) {
		w.deferResult(op, result{err: notContiguous(op.restore.first, w.open.last())}, w.open.last())
		return
	}
	if op.restore != nil && !w.isNextTime(op) {
		return
	}
	w.heads = w.env.heads()
	depends := len(op.changes) > 0 || op.condition != nil && op.checkedTo < w.open.last()
	if depends && op.group+1 < w.heads[0].span.FirstGroup {
		op.answer(result{stale: true})
		return
	}
	conflict, err := w.conflict(op)
	if errors.Is(err, errStepLimit) {
		// Once the open group is published, the caller can evaluate the condition in slices.
		op.rounds++
		w.deferResult(op, result{stale: true}, w.open.last())
		return
	}
	if err != nil {
		op.answer(result{err: err})
		return
	}
	if conflict != 0 {
		w.deferResult(op, result{conflict: conflict}, conflict)
		return
	}
	if results, err := w.checkTracking(op); err != nil {
		w.deferTo(results, op, result{err: err})
		return
	}
	if r, ok := w.enter(op); !ok {
		op.answer(r)
	}
}

// isNextPosition reports whether the next position is the one that a restore requires.
func (w *writer) isNextPosition(op *operation) bool {
	return op.restore == nil || op.request.Count == 0 || op.restore.first == w.open.last()+1
}

// isNextTime reports whether the times of a restore follow that of the last commit. Otherwise it
// answers the operation. It closes the open group, which gets its time when it is sealed.
func (w *writer) isNextTime(op *operation) bool {
	if !w.open.empty() {
		if r, ok := w.closeGroup(); !ok {
			op.answer(r)
			return false
		}
	}
	err := op.restore.follow(w.env.lastTime())
	switch {
	case err == nil:
		return true
	case w.inFlight != nil:
		w.deferTo(&w.inFlight.deferred, op, result{err: err})
	default:
		op.answer(result{err: err})
	}
	return false
}

// conflict returns the position of the first event above op.checkedTo that fails the
// condition, 0 if there is none. It includes events that are not durable yet and reads
// head blocks only. It fails with errStepLimit if the evaluation takes too many steps;
// the caller's goroutine must take them instead. The limit doubles with each round, so
// that the operation is decided in the end.
func (w *writer) conflict(op *operation) (uint64, error) {
	if op.condition == nil || op.checkedTo >= w.open.last() {
		return 0, nil
	}
	sn := snapshot{&state{heads: w.heads}, w.open.last()}
	limit := min(op.condition.sliceSteps()<<min(op.rounds, 16), maxConditionSteps)
	conflict, steps, err := firstMatchWithin(sn, op.condition, op.checkedTo, limit)
	w.open.work += steps
	return conflict, err
}

// deferResult answers an operation once the group that contains a position is durable.
func (w *writer) deferResult(op *operation, r result, position uint64) {
	switch {
	case position >= w.open.first:
		w.deferTo(&w.deferred, op, r)
	case w.inFlight != nil && position >= w.inFlight.first:
		w.deferTo(&w.inFlight.deferred, op, r)
	default:
		op.answer(r)
	}
}

// deferTo adds a result to those of a group, and sends it immediately if results is nil.
func (w *writer) deferTo(results *[]deferred, op *operation, r result) {
	if results == nil {
		op.answer(r)
		return
	}
	*results = append(*results, deferred{op, r})
	w.waiting += len(op.request.Events)
}

// checkTracking fails if the operation does not increase the last recorded position
// of one of its sources. It also returns the deferred results of the group with that
// position, nil if the position is durable.
func (w *writer) checkTracking(op *operation) (*[]deferred, error) {
	for i := range op.changes {
		c := &op.changes[i]
		if recorded, results := w.recorded(c); c.refused(recorded) {
			return results, trackingError(&c.from, recorded.position)
		}
	}
	return nil, nil
}

// recorded returns the last position of a source, and the deferred results of the group
// with that position, nil if the position is durable.
func (w *writer) recorded(c *trackingChange) (tracked, *[]deferred) {
	source := c.from.Source
	if position, known := w.open.tracking[source]; known {
		return tracked{position, true}, &w.deferred
	}
	if w.inFlight != nil {
		if position, known := w.inFlight.tracking[source]; known {
			return tracked{position, true}, &w.inFlight.deferred
		}
	}
	for i := len(w.heads) - 1; i >= 0; i-- {
		if position, known, _ := w.heads[i].Tracking(c.term); known {
			return tracked{position, true}, nil
		}
	}
	return c.recorded, nil
}

// enter reserves space for the operation and encodes it into the open group. If it cannot,
// it returns the result of the operation, and the group has not changed.
func (w *writer) enter(op *operation) (result, bool) {
	if w.open.empty() { // those of a shared log may have become known
		w.open.limits = w.env.limits()
	}
	if !w.open.empty() && !w.open.block.fits(op) {
		if r, ok := w.closeGroup(); !ok {
			return r, false
		}
	}
	size := op.maxBytes()
	if largest := w.open.limits.largest; len(w.open.bytes)+size > largest {
		if eventlog.GroupPrefix+size > largest {
			return result{err: tooLarge(size, largest)}, false
		}
		if r, ok := w.closeGroup(); !ok {
			return r, false
		}
	}
	at, err := w.env.reserve(w.open.payloadBytes(), size)
	if errors.Is(err, eventlog.ErrSegmentFull) {
		if r, ok := w.closeGroup(); !ok {
			return r, false
		}
		at, err = w.env.reserve(0, size)
	}
	if errors.Is(err, eventlog.ErrSegmentFailed) {
		return result{err: w.env.fail(err)}, false
	}
	if err != nil {
		w.env.outOfSpace()
		return result{err: notReserved(err)}, false
	}
	if w.open.empty() {
		w.open.begin(at, w.env.headFor(op))
	}
	w.open.add(op)
	return result{}, true
}

// closeGroup waits for the committer if it is busy, and passes the open group to it. If an
// operation that was checked against the open group cannot be accepted any longer, it
// returns the result of the operation.
func (w *writer) closeGroup() (result, bool) {
	if w.inFlight != nil {
		w.settle(<-w.settled)
		if w.open.empty() { // it was withdrawn
			return result{stale: true}, false
		}
	}
	if err := w.env.failure(); err != nil {
		return result{err: err}, false
	}
	w.send()
	return result{}, true
}
