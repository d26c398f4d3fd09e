package store

import (
	"sync/atomic"

	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// operation is an append on its way through the writer.
type operation struct {
	request *encoding.AppendRequest

	// What the caller found out at its snapshot; the writer looks above it.
	condition *query // nil for none
	examined  uint64 // no event up to here fails the condition
	group     uint64 // published when the caller looked
	source    index.Term
	recorded  tracked // of the source

	taken   atomic.Bool // by the writer, or back by a caller that has gone
	verdict chan verdict
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

func (op *operation) take() bool { return op.taken.CompareAndSwap(false, true) }

func (op *operation) answer(v verdict) { op.verdict <- v }
