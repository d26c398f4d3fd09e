package store

import (
	"errors"
	"runtime"
	"time"

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

// writer decides appends in one order. While the syncer makes one group durable, the
// writer fills the next, and hands it over when the syncer is free.
type writer struct {
	*Store
	open    *group // being filled
	syncing *group // owned by the syncer; nil if the syncer is free
	spare   *group // to be filled next
	// receivedLarge reports whether a large append was received for the open group. If
	// none was received for the previous group although one waited, largeTurn is set:
	// the next append to receive is a large one.
	receivedLarge, largeTurn bool
	// heads are the head blocks at the start of the current operation. The flusher
	// may drop one from the state at any time.
	heads  []*headBlock
	toSync chan *group // closed when the writer ends
	synced chan struct{}
}

func newWriter(s *Store) *writer {
	w := &writer{Store: s, toSync: make(chan *group), synced: make(chan struct{}, 1)}
	w.open, w.spare = newGroup(), newGroup()
	w.open.reset(w.log.Tail().Next)
	return w
}

// run decides operations until the store closes, and then waits for the last sync.
func (w *writer) run() {
	defer close(w.toSync)
	for {
		if w.syncing == nil && !w.open.empty() {
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
		case <-w.synced:
			w.finishSync()
		case <-w.background.flushed:
		case <-w.background.writerEnd:
			if w.syncing != nil {
				<-w.synced
				w.finishSync()
				continue
			}
			return
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
// most 1/share of maxHeadBlocks may wait for it. The writer does not wait for a flusher
// that fails; it refuses appends instead (see admit).
func (w *writer) canReceive(share int) bool {
	return (w.syncing == nil || !w.open.full()) && (!w.tooManyHeadBlocks(share) || w.background.flushError.Load() != nil)
}

// tooManyHeadBlocks reports whether the head blocks exceed 1/share of maxHeadBlocks or
// maxHeadBlocksMemory.
func (w *writer) tooManyHeadBlocks(share int) bool {
	heads := w.states.current.Load().heads
	if len(heads) == 1 {
		return false
	}
	bytes := 0
	for _, h := range heads {
		bytes += h.Bytes()
	}
	return len(heads) > maxHeadBlocks/share || bytes > maxHeadBlocksMemory/share
}

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
		if w.open.full() {
			return
		}
		op = w.next()
	}
}

// handOver passes the open group to the syncer. It first yields the processor once:
// the callers just answered are about to append again and make the group larger.
func (w *writer) handOver() {
	if !w.open.full() {
		runtime.Gosched()
		w.gather(w.next())
		if w.syncing != nil {
			return // gather filled the segment and handed the group over
		}
	}
	if err := w.failureError(); err != nil {
		w.open.refuse(err)
		w.open.answerDeferred(err)
		w.open.reset(w.open.first)
		return
	}
	w.send()
}

// send seals the open group, passes it to the syncer, and opens the next. The syncer
// must be free.
func (w *writer) send() {
	g := w.open
	g.sealed = w.log.Seal(g.bytes, eventlog.KindRecords, g.count, time.Now().UnixNano())
	g.block.extend(&g.sealed.Group)
	w.syncing, w.open, w.spare = g, w.spare, nil
	w.largeTurn, w.receivedLarge = !w.receivedLarge && len(w.queue.large) > 0, false
	w.open.reset(w.log.Tail().Next)
	w.toSync <- g
}

// finishSync answers the results deferred until the sync, and keeps the group as the
// spare one.
func (w *writer) finishSync() {
	w.syncing.answerDeferred(w.failureError())
	w.spare, w.syncing = w.syncing, nil
	w.spare.reset(0) // an idle store must not keep requests in memory
}

// decide answers an operation or adds it to the open group. The events since the
// caller's precheck are usually in head blocks. If one of these head blocks has been
// flushed and the operation depends on it, the caller must check again.
func (w *writer) decide(op *operation) {
	if err := w.admit(); err != nil {
		op.answer(result{err: err})
		return
	}
	w.heads = w.states.current.Load().heads
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
	if refused, err := w.checkTracking(op); err != nil {
		w.deferUntil(refused, op, result{err: err})
		return
	}
	if err := w.enter(op); err != nil {
		op.answer(result{err: err})
	}
}

// admit returns an error if no append can be accepted now.
func (w *writer) admit() error {
	if err := w.failureError(); err != nil {
		return err
	}
	if err := w.background.flushError.Load(); err != nil && w.tooManyHeadBlocks(1) {
		return indexBehind(*err)
	}
	return nil
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
		w.deferUntil(w.open, op, r)
	case w.syncing != nil && position >= w.syncing.first:
		w.deferUntil(w.syncing, op, r)
	default:
		op.answer(r)
	}
}

// deferUntil answers an operation once a group is durable, immediately if g is nil.
func (w *writer) deferUntil(g *group, op *operation, r result) {
	if g == nil {
		op.answer(r)
		return
	}
	g.deferred = append(g.deferred, deferred{op, r})
}

// checkTracking fails if the operation does not increase the last recorded position
// of one of its sources. It also returns the group with that position, nil if the
// position is durable.
func (w *writer) checkTracking(op *operation) (*group, error) {
	for i := range op.changes {
		c := &op.changes[i]
		if recorded, in := w.recorded(c); c.refused(recorded) {
			return in, trackingError(&c.from, recorded.position)
		}
	}
	return nil, nil
}

// recorded returns the last position of a source, and the group with that position,
// nil if the position is durable.
func (w *writer) recorded(c *trackingChange) (tracked, *group) {
	source := c.from.Source
	for _, g := range []*group{w.open, w.syncing} {
		if g == nil {
			continue
		}
		if position, known := g.tracking[source]; known {
			return tracked{position, true}, g
		}
	}
	for i := len(w.heads) - 1; i >= 0; i-- {
		if position, known, _ := w.heads[i].Tracking(c.term); known {
			return tracked{position, true}, nil
		}
	}
	return c.recorded, nil
}

// enter reserves space for the operation and encodes it into the open group. If it
// fails, it has added nothing.
func (w *writer) enter(op *operation) error {
	if !w.open.empty() && !w.open.block.fits(op) {
		w.closeGroup()
		if err := w.failureError(); err != nil {
			return err
		}
	}
	size := op.maxBytes()
	at, err := w.log.Reserve(w.open.payloadBytes(), size)
	if errors.Is(err, eventlog.ErrSegmentFull) {
		w.closeGroup()
		if err := w.failureError(); err != nil {
			return err
		}
		at, err = w.log.Reserve(0, size)
	}
	if errors.Is(err, eventlog.ErrSegmentFailed) {
		w.fail(err)
		return w.failureError()
	}
	if err != nil {
		wake(w.background.preallocate)
		return notReserved(err)
	}
	if w.open.empty() {
		w.open.begin(at, w.block(op))
	}
	w.open.add(op)
	return nil
}

// closeGroup waits for the syncer if it is busy, and passes the open group to it.
func (w *writer) closeGroup() {
	if w.syncing != nil {
		<-w.synced
		w.finishSync()
	}
	w.send()
}

// block returns the head block for a group that starts with op: the newest, or a new
// one if the newest is full.
func (w *writer) block(op *operation) *headBlock {
	heads := w.states.current.Load().heads
	last := heads[len(heads)-1]
	if last.empty() || !last.full(w.options.BlockEvents) && last.fits(op) && !w.log.Rolling() {
		return last
	}
	tail := w.log.Tail()
	next := newHeadBlock(w.hasher, tail, min(last.Terms(), maxExpectedTerms))
	w.states.change(func(st *state) { st.heads = append(st.heads, next) })
	return next
}
