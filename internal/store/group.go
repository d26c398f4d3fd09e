package store

import (
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// Buffers of a group that are larger are not used again.
const (
	keptBytes  = 2 * maxGroupBytes
	keptHashes = maxGroupWork
)

// group is a commit: being gathered, and then being synced. The goroutine that
// has it uses it without a lock, but for held, which is always the writer's.
type group struct {
	bytes     []byte // room for the header, and the payload
	payloadAt int64  // offset of the payload in its segment
	first     uint64 // the position of the first event
	count     int
	block     *memory
	tracking  map[string]uint64
	accepted  []accepted
	held      []held
	sealed    *eventlog.Sealed
	work      int      // see maxGroupWork
	hashes    []uint64 // of the terms of its events, with repetitions
	terms     []index.Term
}

// accepted is an operation with the position of its last event.
type accepted struct {
	op       *operation
	position uint64
}

// held is a verdict that waits for the group to be durable.
type held struct {
	op *operation
	v  verdict
}

func newGroup() *group {
	return &group{bytes: make([]byte, eventlog.GroupPrefix, 64<<10), tracking: map[string]uint64{}}
}

// reset makes the group an empty one that begins at a position.
func (g *group) reset(first uint64) {
	if cap(g.bytes) > keptBytes {
		g.bytes = make([]byte, 0, 64<<10)
	}
	g.bytes = g.bytes[:eventlog.GroupPrefix]
	if cap(g.hashes) > keptHashes {
		g.hashes = nil
	}
	g.hashes = g.hashes[:0]
	g.first, g.count, g.block, g.sealed, g.work = first, 0, nil, nil, 0
	clear(g.tracking)
	clear(g.accepted)
	clear(g.held)
	g.accepted, g.held = g.accepted[:0], g.held[:0]
}

// empty tells whether there is nothing to write. Then nothing is held either.
func (g *group) empty() bool { return len(g.accepted) == 0 }

func (g *group) full() bool {
	return len(g.bytes) >= maxGroupBytes || len(g.accepted)+len(g.held) >= maxGroupRequests || g.work >= maxGroupWork
}

func (g *group) payloadBytes() int { return len(g.bytes) - eventlog.GroupPrefix }

// last is the last position assigned so far, in this group or before it.
func (g *group) last() uint64 { return g.first + uint64(g.count) - 1 }

// begin places the group.
func (g *group) begin(payloadAt int64, block *memory) { g.payloadAt, g.block = payloadAt, block }

// add encodes the operation's events, gives them their positions, and enters
// them into the memory block. Nobody looks above the published head.
func (g *group) add(op *operation) {
	for i := range op.changes {
		to := &op.changes[i].to
		g.tracking[to.Source] = to.Position
	}
	var info *dcb.TrackingInfo // that is encoded in tracking
	var tracking []byte
	i, rest := 0, op.eventless()
	for event := range op.request.All() {
		rest = g.addEventless(rest, i)
		if next := op.tracking(i); next != info {
			info, tracking = next, encodeTracking(next)
		}
		from := len(g.bytes)
		g.bytes = encoding.AppendEventRecord(g.bytes, g.first+uint64(g.count), event, tracking)
		g.count++
		g.terms = g.block.addRecord(g.location(from), event, g.terms)
		for j := range g.terms {
			g.hashes = append(g.hashes, g.terms[j].Hash())
		}
		clear(g.terms)
		i++
	}
	g.addEventless(rest, i)
	last := uint64(0)
	if op.request.Count > 0 {
		last = g.last()
	}
	g.accepted = append(g.accepted, accepted{op, last})
	g.work += op.request.Count + op.request.Tags
}

// addEventless encodes the tracking that comes before an event of its operation, and
// gives the rest.
func (g *group) addEventless(rest []eventless, before int) []eventless {
	for len(rest) > 0 && rest[0].before == before {
		g.bytes = encoding.AppendTrackingRecord(g.bytes, encodeTracking(&rest[0].info))
		rest = rest[1:]
	}
	return rest
}

func encodeTracking(info *dcb.TrackingInfo) []byte {
	if info == nil {
		return nil
	}
	return encoding.AppendTracking([]byte{}, info)
}

// location is where the record lies that begins at an offset of bytes.
func (g *group) location(from int) index.Location {
	record := g.bytes[from:]
	return index.Location{
		Offset: g.payloadAt + int64(from-eventlog.GroupPrefix),
		Size:   uint32(len(record)),
		CRC:    eventlog.Checksum(record),
	}
}

// succeed answers the accepted operations.
func (g *group) succeed() {
	for _, a := range g.accepted {
		a.op.answer(verdict{position: a.position})
	}
}

// refuse answers the accepted operations with an error.
func (g *group) refuse(err error) {
	for _, a := range g.accepted {
		a.op.answer(verdict{err: err})
	}
}

// answerHeld gives the verdicts that rest on the group, or the error that kept
// it from being durable.
func (g *group) answerHeld(err error) {
	for _, h := range g.held {
		if err != nil {
			h.v = verdict{err: err}
		}
		h.op.answer(h.v)
	}
	clear(g.held)
	g.held = g.held[:0]
}
