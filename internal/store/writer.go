package store

import (
	"errors"

	"github.com/umadb-go/umadb/internal/eventlog"
)

const (
	// A group is full when its payload has reached maxGroupBytes. The last request
	// may exceed that by its own size.
	maxGroupBytes = 4 << 20
	// maxGroupRequests is the number of requests in a full group.
	maxGroupRequests = 4096
	// maxGroupWork is the work of a full group: the terms added to the index and the
	// steps of evaluating conditions.
	maxGroupWork = 256 << 10
	// maxConditionSteps bounds the steps that the writer takes for one condition.
	maxConditionSteps = 1 << 20
	// maxHeadBlocks is the number of head blocks that may wait to be written, and
	// maxHeadBlocksMemory the memory that they may take together.
	maxHeadBlocks       = 8
	maxHeadBlocksMemory = 4 * maxHeadBlockMemory
	// A head block is full when it has Options.BlockEvents events, covers
	// maxHeadBlockLog bytes of log, or takes maxHeadBlockMemory bytes of memory.
	maxHeadBlockLog    = 64 << 20
	maxHeadBlockMemory = 32 << 20
	// maxExpectedTerms bounds the number of terms that a new head block is sized for.
	maxExpectedTerms = 128 << 10
)

// writer decides appends in one order. While the committer has one group, the writer fills
// the next.
type writer struct {
	env     environment
	queue   *queue
	sealed  chan<- sealedGroup // closed when the writer ends
	settled <-chan settled
	flushed <-chan struct{} // wakes the writer when env may keep up again
	end     <-chan struct{}

	open     openGroup
	deferred []deferred   // results that are sent when the open group is durable
	inFlight *inFlight    // the group that the committer has; nil if it has none
	idle     *group       // the buffers to fill next; nil while the committer has a group
	heads    []*headBlock // at the start of the current operation; the flusher may drop some at any time

	// receivedLarge reports whether a large append was received for the open group. If
	// none was received for the previous group although one waited, largeTurn is set:
	// the next append to receive is a large one.
	receivedLarge, largeTurn bool
}

// inFlight is what the writer keeps of the group that the committer has.
type inFlight struct {
	first    uint64            // position of its first event
	tracking map[string]uint64 // read only
	deferred []deferred        // results that are sent when it is durable
}

func newWriter(p *pipeline, flushed <-chan struct{}) *writer {
	w := &writer{env: p.env, queue: p.queue, sealed: p.sealed, settled: p.settled, flushed: flushed, end: p.end}
	w.open.open(newGroup(), w.env.next())
	w.idle = newGroup()
	return w
}

// run decides operations until the pipeline stops, and then waits for the last group.
func (w *writer) run() {
	defer close(w.sealed)
	for {
		if w.inFlight == nil && !w.open.empty() {
			w.handOver()
			continue
		}
		if op := w.next(); op != nil {
			w.gather(op)
			continue
		}
		select {
		case op := <-w.small():
			w.gather(op)
		case op := <-w.large():
			w.gather(op)
		case s := <-w.settled:
			w.settle(s)
		case <-w.flushed:
		case <-w.end:
			if w.inFlight == nil {
				return
			}
			w.settle(<-w.settled)
		}
	}
}

// small returns the lane of small operations, or nil if none can be received now.
func (w *writer) small() <-chan *operation {
	if !w.canReceive(1) {
		return nil
	}
	return w.queue.small
}

// large returns the lane of large operations, or nil if none can be received now.
// Half of the head blocks are reserved for small operations.
func (w *writer) large() <-chan *operation {
	if !w.canReceive(2) {
		return nil
	}
	return w.queue.large
}

// next returns the next operation, or nil if none waits or can be received now. A
// select would choose between the lanes at random.
func (w *writer) next() *operation {
	if w.largeTurn {
		return receive(w.large(), w.small())
	}
	return receive(w.small(), w.large())
}

// canReceive reports whether the open group has capacity and the flusher keeps up: at
// most 1/share of the head blocks may wait for it.
func (w *writer) canReceive(share int) bool {
	return (w.inFlight == nil || !w.full()) && w.env.keepsUp(share)
}

// full reports whether the open group has to be sealed.
func (w *writer) full() bool { return w.open.full(len(w.deferred)) }

// gather decides an operation and those that wait after it, until the open group
// is full.
func (w *writer) gather(op *operation) {
	if w.open.empty() {
		w.open.work = 0 // discards the work of operations that were not accepted
	}
	for op != nil {
		if op.large {
			w.receivedLarge, w.largeTurn = true, false
		}
		if op.claim() {
			w.decide(op)
		} else {
			w.queue.end()
		}
		if w.full() {
			return
		}
		op = w.next()
	}
}

// handOver passes the open group to the committer. It first yields the processor once:
// the callers just answered are about to append again and make the group larger.
func (w *writer) handOver() {
	if !w.full() {
		w.env.yield()
		w.gather(w.next())
		if w.inFlight != nil || w.open.empty() {
			return // gather filled the segment and handed the group over, or it was lost
		}
	}
	w.send()
}

// send seals the open group, passes it to the committer, and opens the next. The committer
// must be free.
func (w *writer) send() {
	w.inFlight = &inFlight{first: w.open.first, tracking: w.open.tracking, deferred: w.deferred}
	w.deferred = nil
	w.largeTurn, w.receivedLarge = !w.receivedLarge && len(w.queue.large) > 0, false
	sealed := w.open.seal(w.env)
	w.open.open(w.idle, w.env.next())
	w.idle = nil
	w.sealed <- sealed
}

// settle sends the results deferred until the outcome of the group in flight, and keeps
// its buffers.
func (w *writer) settle(s settled) {
	results := w.inFlight.deferred
	w.inFlight = nil
	switch s.outcome {
	case decided:
		answer(results)
	case failed:
		answerAll(results, result{err: w.env.failure()})
	case lost:
		w.withdraw(s.group, results)
	}
	s.group.clear() // an idle store must not keep requests in memory
	w.idle = s.group.group
}

// withdraw undoes a group that was lost, and the open group, which builds on it. All their
// callers precheck again, also those whose results were deferred.
func (w *writer) withdraw(g sealedGroup, results []deferred) {
	w.env.withdraw(g.sealed, g.mark)
	stale := result{stale: true}
	g.answerAll(stale)
	answerAll(results, stale)
	w.open.answerAll(stale)
	answerAll(w.deferred, stale)
	w.deferred = nil
	buffers := w.open.group
	buffers.clear()
	w.open.open(buffers, w.env.next())
}

// answer sends deferred results.
func answer(results []deferred) {
	for _, d := range results {
		d.op.answer(d.r)
	}
}

// answerAll sends a result in place of deferred results.
func answerAll(results []deferred, r result) {
	for _, d := range results {
		d.op.answer(r)
	}
}

// decide answers an operation or adds it to the open group. The events since the
// caller's precheck are usually in head blocks. If one of these head blocks has been
// flushed and the operation depends on it, the caller must check again.
func (w *writer) decide(op *operation) {
	if err := w.env.admit(); err != nil {
		op.answer(result{err: err})
		return
	}
	w.heads = w.env.heads()
	if !w.isNextPosition(op) {
		w.deferResult(op, result{err: notContiguous(op.restore.first, w.open.last())}, w.open.last())
		return
	}
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
		deferTo(results, op, result{err: err})
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
		deferTo(&w.deferred, op, r)
	case w.inFlight != nil && position >= w.inFlight.first:
		deferTo(&w.inFlight.deferred, op, r)
	default:
		op.answer(r)
	}
}

// deferTo adds a result to those of a group, and sends it immediately if results is nil.
func deferTo(results *[]deferred, op *operation, r result) {
	if results == nil {
		op.answer(r)
		return
	}
	*results = append(*results, deferred{op, r})
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
	if !w.open.empty() && !w.open.block.fits(op) {
		if r, ok := w.closeGroup(); !ok {
			return r, false
		}
	}
	size := op.maxBytes()
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
		s := <-w.settled
		w.settle(s)
		if s.outcome == lost {
			return result{stale: true}, false
		}
	}
	if err := w.env.failure(); err != nil {
		return result{err: err}, false
	}
	w.send()
	return result{}, true
}
