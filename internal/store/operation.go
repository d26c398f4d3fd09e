package store

import (
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/record"
)

// operation is an append or a restore that is submitted to the writer.
type operation struct {
	request *record.AppendRequest
	restore *restore // nil for an append

	// Results of the caller's precheck. The writer checks what was added since.
	condition *query           // nil if there is none
	checkedTo uint64           // no event up to this position fails the condition
	group     uint64           // last published group at the time of the precheck
	changes   []trackingChange // one for each source
	rounds    int              // how often the condition has reached the writer's step limit
	queue     *queue           // the queue that the operation waits in
	large     bool             // reports whether it waits in the large lane

	// Times of the clock.
	started time.Duration // the append
	since   time.Duration // the current precheck
	queued  time.Duration // the end of the precheck

	giveUp  <-chan struct{} // closed when the caller cancels; may be nil
	claimed atomic.Bool     // by the writer, or by a caller that withdraws the operation
	result  chan result     // nil if done is set
	done    func(result)    // called instead of sending the result; must not wait
	// deadline is when the caller stops waiting; zero if it waits until it gives up.
	deadline time.Time
}

// result is the writer's decision about an operation. At most one of conflict, stale
// and err is set; if none is, the operation was accepted.
type result struct {
	position uint64 // of the last event
	// conflict is the position of the first event that fails the condition. The event
	// is durable.
	conflict uint64
	// stale reports that too many events were added since the precheck. The caller
	// must check again, at the head that is published now.
	stale bool
	err   error
}

func newOperation(request *record.AppendRequest) *operation {
	op := &operation{request: request, result: make(chan result, 1)}
	op.start()
	if info := request.Tracking; info != nil {
		op.changes = []trackingChange{{from: *info, to: *info}}
	}
	return op
}

// tracking returns the tracking stored with an event of the operation, nil if there
// is none.
func (op *operation) tracking(event int) *dcb.TrackingInfo {
	if op.restore != nil {
		return op.restore.tracking[event]
	}
	return op.request.Tracking
}

// trackingOnly returns the tracking that is stored without an event.
func (op *operation) trackingOnly() []trackingOnly {
	switch {
	case op.restore != nil:
		return op.restore.trackingOnly
	case op.request.Tracking != nil && op.request.Count == 0:
		return []trackingOnly{{info: *op.request.Tracking}}
	}
	return nil
}

// time returns the commit time of an event of the operation.
func (op *operation) time(event int) int64 {
	if op.restore != nil {
		return op.restore.times[event]
	}
	return presentTime
}

// maxHeaders returns an upper bound of the headers that the operation adds to an open group.
func (op *operation) maxHeaders() int {
	if op.restore != nil {
		return op.restore.groups
	}
	return 0
}

// recordOverhead bounds the bytes of a record in addition to its event and the name
// of its source: field tags, lengths and positions.
const recordOverhead = 40

// maxBytes returns an upper bound of the bytes that the operation adds to a payload.
func (op *operation) maxBytes() int {
	size := len(op.request.Events) + op.maxHeaders()*eventlog.GroupPrefix
	for i := range op.request.Count {
		size += recordOverhead
		if info := op.tracking(i); info != nil {
			size += len(info.Source) + recordOverhead
		}
	}
	for _, e := range op.trackingOnly() {
		size += len(e.info.Source) + recordOverhead
	}
	return size
}

// expired reports whether the caller no longer waits.
func (op *operation) expired() bool {
	return !op.deadline.IsZero() && time.Now().After(op.deadline)
}

func (op *operation) claim() bool { return op.claimed.CompareAndSwap(false, true) }

func (op *operation) answer(r result) {
	op.queue.end(1)
	op.send(r)
}

// send is answer for an operation that the queue no longer counts.
func (op *operation) send(r result) {
	if op.done != nil {
		op.done(r)
		return
	}
	op.result <- r
}
