package store

import (
	"sync/atomic"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// operation is an append, or a restore, on its way through the writer.
type operation struct {
	request *encoding.AppendRequest
	restore *restore // nil for an append

	// What the caller found out at its snapshot; the writer looks above it.
	condition *query           // nil for none
	examined  uint64           // no event up to here fails the condition
	group     uint64           // published when the caller looked
	changes   []trackingChange // to each source once
	rounds    int              // how often the condition has reached the writer's limit of steps
	queue     *queue           // that the operation waits in
	large     bool             // whether it waits in the large lane

	giveUp  <-chan struct{} // closed when the caller gives up; may be nil
	taken   atomic.Bool     // by the writer, or back by a caller that has gone
	verdict chan verdict
}

// trackingChange is what an operation does to the tracking of one source.
type trackingChange struct {
	from, to dcb.TrackingInfo // the first and the last; the same in an append
	again    bool             // from may be recorded already
	term     index.Term
	recorded tracked // at the caller's snapshot
}

// refused tells whether the source cannot go on from what is recorded.
func (c *trackingChange) refused(recorded tracked) bool {
	return recorded.known && (c.from.Position < recorded.position || c.from.Position == recorded.position && !c.again)
}

// tracked is the last position of a source, if there is one.
type tracked struct {
	position uint64
	known    bool
}

// verdict is the writer's answer. Without an error it is the position of the
// last event.
type verdict struct {
	position uint64
	// conflict is the first event that fails the condition, durable by now.
	conflict uint64
	// stale: too many events were added since the precheck. The caller must check
	// again, at the head that is published by now.
	stale bool
	err   error
}

func newOperation(request *encoding.AppendRequest) *operation {
	op := &operation{request: request, verdict: make(chan verdict, 1)}
	if info := request.Tracking; info != nil {
		op.changes = []trackingChange{{from: *info, to: *info}}
	}
	return op
}

// tracking is what is stored with an event of the operation; nil for nothing.
func (op *operation) tracking(event int) *dcb.TrackingInfo {
	if op.restore != nil {
		return op.restore.tracking[event]
	}
	return op.request.Tracking
}

// eventless is the tracking that is stored by itself.
func (op *operation) eventless() []eventless {
	switch {
	case op.restore != nil:
		return op.restore.eventless
	case op.request.Tracking != nil && op.request.Count == 0:
		return []eventless{{info: *op.request.Tracking}}
	}
	return nil
}

// recordOverhead bounds what a record takes beside its event and the name of its
// source: tags, lengths and positions.
const recordOverhead = 40

// maxBytes bounds what the operation adds to a payload.
func (op *operation) maxBytes() int {
	size := len(op.request.Events)
	for i := range op.request.Count {
		size += recordOverhead
		if info := op.tracking(i); info != nil {
			size += len(info.Source) + recordOverhead
		}
	}
	for _, e := range op.eventless() {
		size += len(e.info.Source) + recordOverhead
	}
	return size
}

func (op *operation) take() bool { return op.taken.CompareAndSwap(false, true) }

func (op *operation) answer(v verdict) {
	op.queue.end()
	op.verdict <- v
}
