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

// appendMinPosition appends the field to a header block. It is not added to the table (RFC 7541,
// section 6.2.2), so that blocks that only refer to that are still valid.
func appendMinPosition(block []byte, position uint64) []byte {
	block = append(block, 0, byte(len(wire.MinPosition)))
	block = append(block, wire.MinPosition...)
	at := len(block)
	block = strconv.AppendUint(append(block, 0), position, 10)
	block[at] = byte(len(block) - at - 1)
	return block
}
