package store

import (
	"errors"
	"runtime"
	"time"

	"github.com/umadb-go/umadb/internal/eventlog"
)

const (
	// maxGroupBytes closes a group that has grown to it. The last request may
	// make it larger by its own size.
	maxGroupBytes = 4 << 20
	// maxGroupRequests closes a group too.
	maxGroupRequests = 4096
	// maxGroupWork closes a group too. The work is the number of terms entered into
	// the index and of steps of evaluating conditions.
	maxGroupWork = 256 << 10
	// maxConditionSteps bounds the steps that the writer takes for one condition.
	maxConditionSteps = 1 << 20
	// maxMemories is how many memory blocks may wait to be written, and
	// maxMemoryBytes what they may take.
	maxMemories    = 8
	maxMemoryBytes = 4 * maxBlockMemory
	// maxBlockLog and maxBlockMemory end a memory block, as its events do.
	maxBlockLog    = 64 << 20
	maxBlockMemory = 32 << 20
	// maxExpectedTerms bounds the number of terms that a new memory block has room for.
	maxExpectedTerms = 128 << 10
)

// writer decides appends in one order. While the syncer has one group, the
// writer gathers the next; it hands that over when the syncer is free.
type writer struct {
	*Store
	open    *group // being gathered
	syncing *group // at the syncer; nil if it is free
	spare   *group // to be gathered next
	// tookLarge reports whether a large append was taken for the open group. If none
	// was taken for the group before although one waited, largeTurn reports that the
	// next append to take is a large one.
	tookLarge, largeTurn bool
	// memories are the memory blocks there were when the operation at hand was
	// begun: the flusher may drop one at any time.
	memories []*memory
	toSync   chan *group // closed when the writer ends
	synced   chan struct{}
}

func newWriter(s *Store) *writer {
	w := &writer{Store: s, toSync: make(chan *group), synced: make(chan struct{}, 1)}
	w.open, w.spare = newGroup(), newGroup()
	w.open.reset(w.log.Tail().Next)
	return w
}

// run gathers until the store closes, and then finishes.
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

// small returns the lane of small operations, or nil if none can be taken now.
func (w *writer) small() <-chan *operation {
	if !w.mayTake(1) {
		return nil
	}
	return w.queue.small
}

// large returns the lane of large operations, or nil if none can be taken now. Half
// of the memory blocks are left for small ones.
func (w *writer) large() <-chan *operation {
	if !w.mayTake(2) {
		return nil
	}
	return w.queue.large
}

// next returns the operation to take next, or nil if none waits or can be taken now.
// A select would choose between the lanes at random.
func (w *writer) next() *operation {
	if w.largeTurn {
		return receive(w.large(), w.small())
	}
	return receive(w.small(), w.large())
}

// mayTake reports whether the open group has room, and the flusher keeps up: a part
// of the memory blocks, one of so many, may wait for it. A flusher that cannot write
// is not waited for: then appends are refused (see admit).
func (w *writer) mayTake(part int) bool {
	return (w.syncing == nil || !w.open.full()) && (!w.tooManyMemories(part) || w.background.flushError.Load() != nil)
}

// tooManyMemories reports whether more memory blocks wait than a part, one of so many,
// of those that may.
func (w *writer) tooManyMemories(part int) bool {
	memories := w.states.current.Load().memories
	if len(memories) == 1 {
		return false
	}
	bytes := 0
	for _, m := range memories {
		bytes += m.Bytes()
	}
	return len(memories) > maxMemories/part || bytes > maxMemoryBytes/part
}

// gather decides an operation and those that wait after it, until the open group
// is full.
func (w *writer) gather(op *operation) {
	if w.open.empty() {
		w.open.work = 0 // of operations that were not accepted
	}
	for op != nil {
		if op.large {
			w.tookLarge, w.largeTurn = true, false
		}
		if op.take() {
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

// handOver gives the open group to the syncer. It first lets other goroutines run
// once: those just answered are about to append again, and make the group larger.
func (w *writer) handOver() {
	if !w.open.full() {
		runtime.Gosched()
		w.gather(w.next())
		if w.syncing != nil {
			return // gathering filled the segment, and that handed the group over
		}
	}
	if err := w.failureError(); err != nil {
		w.open.refuse(err)
		w.open.answerHeld(err)
		w.open.reset(w.open.first)
		return
	}
	w.send()
}

// send seals the open group, gives it to the syncer, which is free, and opens
// the next.
func (w *writer) send() {
	g := w.open
	g.sealed = w.log.Seal(g.bytes, eventlog.KindRecords, g.count, time.Now().UnixNano())
	g.block.cover(&g.sealed.Group)
	w.syncing, w.open, w.spare = g, w.spare, nil
	w.largeTurn, w.tookLarge = !w.tookLarge && len(w.queue.large) > 0, false
	w.open.reset(w.log.Tail().Next)
	w.toSync <- g
}

// finishSync takes the group back from the syncer and answers what rested on it.
func (w *writer) finishSync() {
	w.syncing.answerHeld(w.failureError())
	w.spare, w.syncing = w.syncing, nil
	w.spare.reset(0) // an idle store holds no requests
}

// decide answers an operation, or enters it into the open group. What came since
// its caller looked is in memory; if it is not any more, and the operation depends
// on it, the caller has to look again.
func (w *writer) decide(op *operation) {
	if err := w.admit(); err != nil {
		op.answer(verdict{err: err})
		return
	}
	w.memories = w.states.current.Load().memories
	if !w.inPlace(op) {
		w.hold(op, verdict{err: outOfPlace(op.restore.first, w.open.last())}, w.open.last())
		return
	}
	depends := len(op.changes) > 0 || op.condition != nil && op.examined < w.open.last()
	if depends && op.group+1 < w.memories[0].span.FirstGroup {
		op.answer(verdict{stale: true})
		return
	}
	conflict, err := w.conflict(op)
	if errors.Is(err, errSpent) {
		// Once the open group is published, the caller can evaluate it in slices.
		op.rounds++
		w.hold(op, verdict{stale: true}, w.open.last())
		return
	}
	if err != nil {
		op.answer(verdict{err: err})
		return
	}
	if conflict != 0 {
		w.hold(op, verdict{conflict: conflict}, conflict)
		return
	}
	if refused, err := w.checkTracking(op); err != nil {
		w.holdWith(refused, op, verdict{err: err})
		return
	}
	if err := w.enter(op); err != nil {
		op.answer(verdict{err: err})
	}
}

// admit tells why no append can be accepted now, if so.
func (w *writer) admit() error {
	if err := w.failureError(); err != nil {
		return err
	}
	if err := w.background.flushError.Load(); err != nil && w.tooManyMemories(1) {
		return indexBehind(*err)
	}
	return nil
}

// conflict returns the first event above what the caller examined that fails the
// condition, events that are not durable yet included. It reads memory blocks only.
// It fails with errSpent if that takes too many steps, which the caller's goroutine
// must take instead. The limit doubles each time that the operation comes back, so
// that it is decided in the end.
func (w *writer) conflict(op *operation) (uint64, error) {
	if op.condition == nil || op.examined >= w.open.last() {
		return 0, nil
	}
	sn := snapshot{&state{memories: w.memories}, w.open.last()}
	limit := min(op.condition.sliceSteps()<<min(op.rounds, 16), maxConditionSteps)
	conflict, steps, err := firstMatchWithin(sn, op.condition, op.examined, limit)
	w.open.work += steps
	return conflict, err
}

// hold gives a verdict once the group that it rests on is durable: the one that
// has the event at a position.
func (w *writer) hold(op *operation, v verdict, position uint64) {
	switch {
	case position >= w.open.first:
		w.holdWith(w.open, op, v)
	case w.syncing != nil && position >= w.syncing.first:
		w.holdWith(w.syncing, op, v)
	default:
		op.answer(v)
	}
}

// holdWith gives a verdict once a group is durable; at once if it is nil.
func (w *writer) holdWith(g *group, op *operation, v verdict) {
	if g == nil {
		op.answer(v)
		return
	}
	g.held = append(g.held, held{op, v})
}

// checkTracking fails if a source of the operation cannot go on from the last
// recorded position, and gives the undurable group that recorded it, if it was one.
func (w *writer) checkTracking(op *operation) (*group, error) {
	for i := range op.changes {
		c := &op.changes[i]
		if recorded, in := w.recorded(c); c.refused(recorded) {
			return in, trackingError(&c.from, recorded.position)
		}
	}
	return nil, nil
}

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
	for i := len(w.memories) - 1; i >= 0; i-- {
		if position, known, _ := w.memories[i].Tracking(c.term); known {
			return tracked{position, true}, nil
		}
	}
	return c.recorded, nil
}

// enter reserves space for the operation and encodes it into the open group. If
// it fails, nothing has changed.
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
		wake(w.background.prepare)
		return notReserved(err)
	}
	if w.open.empty() {
		w.open.begin(at, w.block(op))
	}
	w.open.add(op)
	return nil
}

// closeGroup hands the open group over, whatever the syncer is doing.
func (w *writer) closeGroup() {
	if w.syncing != nil {
		<-w.synced
		w.finishSync()
	}
	w.send()
}

// block returns the memory block for the next group, which begins with an
// operation: a new one if the last is full.
func (w *writer) block(op *operation) *memory {
	memories := w.states.current.Load().memories
	last := memories[len(memories)-1]
	if last.empty() || !last.full(w.options.BlockEvents) && last.fits(op) && !w.log.Rolling() {
		return last
	}
	tail := w.log.Tail()
	next := newMemory(w.hasher, tail, min(last.Terms(), maxExpectedTerms))
	w.states.change(func(st *state) { st.memories = append(st.memories, next) })
	return next
}
