package store

const (
	// A group is full when its payload has reached maxGroupBytes, or less in shared mode. The
	// last request may exceed that by its own size.
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
	arrived <-chan arrival     // groups of other stores
	sealed  chan<- sealedGroup // closed when the writer ends
	settled <-chan settled
	flushed <-chan struct{} // wakes the writer when env may keep up again
	end     <-chan struct{}

	open     openGroup
	deferred []deferred   // results that are sent when the open group is durable
	waiting  int          // bytes of the events of these, and of those of the group in flight
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
	w := &writer{env: p.env, queue: p.queue, arrived: p.arrived, sealed: p.sealed, settled: p.settled, flushed: flushed, end: p.end}
	w.open.limits = w.env.limits()
	w.open.open(newGroup(), w.env.next())
	w.idle = newGroup()
	return w
}

// run decides operations until the pipeline stops, and then waits for the last group.
func (w *writer) run() {
	defer close(w.sealed)
	for {
		select {
		case a := <-w.arrivals(): // before own groups, which would lose against them
			a.reply <- w.adoptAll(a.groups)
		default:
		}
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
		case a := <-w.arrivals():
			a.reply <- w.adoptAll(a.groups)
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

// full reports whether the open group has to be sealed, also because of the results that are
// deferred. Those of the group in flight count too: in shared mode their callers can have left,
// and come again with the same append.
func (w *writer) full() bool {
	results := len(w.deferred)
	if w.inFlight != nil {
		results += len(w.inFlight.deferred)
	}
	return w.open.full(results, w.waiting)
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
			w.queue.end(1)
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
	w.waiting -= eventBytes(results)
	switch {
	case s.outcome == lost || s.outcome == unknown:
		w.lose(s, results)
		return
	case s.err != nil:
		answerAll(operations(results), result{err: w.env.failure()})
	default:
		answer(results)
	}
	w.reuse(s.group.group)
}

// reuse keeps the buffers of a group for the next one.
func (w *writer) reuse(g *group) {
	g.clear() // an idle store must not keep requests in memory
	w.idle = g
}

// lose withdraws a group that was lost, and the open group, which builds on it, and adopts
// the group that the log has in its place. All their callers then precheck again, also those
// whose results were deferred. If the outcome is unknown, the callers of the group get that as
// the error, and the others precheck again.
func (w *writer) lose(s settled, results []deferred) {
	w.env.withdraw(s.group.sealed, s.group.mark)
	own := s.group.callers(nil)
	others := append(operations(results), w.discardOpen()...)
	w.reuse(s.group.group)
	if s.outcome == lost {
		s.err = w.adoptWinners(s.winners)
	}
	if s.err == nil {
		answerStale(own)
	} else {
		answerAll(own, result{err: s.err})
	}
	answerStale(others)
}

// answer sends deferred results.
func answer(results []deferred) {
	for _, d := range results {
		d.op.answer(d.r)
	}
}

// operations returns the operations of deferred results.
func operations(results []deferred) (operations []*operation) {
	for _, d := range results {
		operations = append(operations, d.op)
	}
	return operations
}

// eventBytes returns the bytes of the events of deferred results.
func eventBytes(results []deferred) (bytes int) {
	for _, d := range results {
		bytes += len(d.op.request.Events)
	}
	return bytes
}

// answerStale makes callers precheck again.
func answerStale(callers []*operation) { answerAll(callers, result{stale: true}) }

// answerAll sends a result to callers.
func answerAll(callers []*operation, r result) {
	for _, op := range callers {
		op.answer(r)
	}
}
