package grpcclient

import (
	"strconv"
	"sync/atomic"

	"github.com/umadb-go/umadb/internal/wire"
)

// Positions is the highest position that a client has seen at any of its servers. Requests
// carry it as wire.MinPosition, and answers raise it with wire.Position. It may be used by
// several goroutines at the same time.
type Positions struct{ highest atomic.Uint64 }

// Highest returns the highest position, or 0.
func (p *Positions) Highest() uint64 { return p.highest.Load() }

// Raise records that the client has seen a position.
func (p *Positions) Raise(position uint64) {
	for {
		highest := p.highest.Load()
		if position <= highest || p.highest.CompareAndSwap(highest, position) {
			return
		}
	}
}

// appendMinPosition appends the field to a header block. Blocks that only refer to the table are
// still valid.
func appendMinPosition(block []byte, position uint64) []byte {
	var digits [20]byte
	return appendField(block, notIndexed, wire.MinPosition, strconv.AppendUint(digits[:0], position, 10))
}
