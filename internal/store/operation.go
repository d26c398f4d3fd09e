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
	condition *query // nil for none
	examined  uint64 // no event up to here fails the condition
	group     uint64 // published when the caller looked
	advances  []advance

	taken   atomic.Bool // by the writer, or back by a caller that has gone
	verdict chan verdict
}

// advance is what an operation does to the tracking of one source.
type advance struct {
	from, to dcb.TrackingInfo // the first and the last; the same in an append
	again    bool             // from may be recorded already
	term     index.Term
	recorded tracked // at the caller's snapshot
}

// refused tells whether the source cannot go on from what is recorded.
func (a *advance) refused(recorded tracked) bool {
	return recorded.known && (a.from.Position < recorded.position || a.from.Position == recorded.position && !a.again)
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
	// stale: too much came since the caller looked. It has to look again.
	stale bool
	err   error
}

func newOperation(request *encoding.AppendRequest) *operation {
	op := &operation{request: request, verdict: make(chan verdict, 1)}
	if info := request.Tracking; info != nil {
		op.advances = []advance{{from: *info, to: *info}}
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

// alone is the tracking that is stored by itself.
func (op *operation) alone() []alone {
	switch {
	case op.restore != nil:
		return op.restore.alone
	case op.request.Tracking != nil && op.request.Count == 0:
		return []alone{{info: *op.request.Tracking}}
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
	for _, a := range op.alone() {
		size += len(a.info.Source) + recordOverhead
	}
	return size
}

func (op *operation) take() bool { return op.taken.CompareAndSwap(false, true) }

func (op *operation) answer(v verdict) { op.verdict <- v }
