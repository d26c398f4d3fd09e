package grpcclient

import (
	"strconv"
	"sync/atomic"
)

// The metadata by which a client that uses several servers sees at each of them what it has seen
// at another. A request has the highest position that the client has seen; a server that does
// not have it yet waits. The trailer of the answer has the position that the server had.
const (
	minPositionField = "umadb-min-position"
	positionTrailer  = "umadb-position"
)

// Positions is the highest position that a client has seen at any of its servers. It may be used
// by several goroutines at the same time.
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
	block = append(block, 0, byte(len(minPositionField)))
	block = append(block, minPositionField...)
	at := len(block)
	block = strconv.AppendUint(append(block, 0), position, 10)
	block[at] = byte(len(block) - at - 1)
	return block
}
