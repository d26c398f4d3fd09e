package store

import (
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// keptBytes and keptHashes bound the buffers of a group that are reused.
const (
	keptBytes  = 2 * maxGroupBytes
	keptHashes = maxGroupWork
)

// group is a commit: the writer fills it, then the syncer makes it durable. It has no
// lock, because only the goroutine that owns it uses it. The field deferred always
// belongs to the writer.
type group struct {
	bytes     []byte // space for the header, then the payload
	payloadAt int64  // offset of the payload in its segment
	first     uint64 // position of the first event
	count     int
	block     *headBlock
	tracking  map[string]uint64
	accepted  []accepted
	deferred  []deferred
	sealed    *eventlog.Sealed
	work      int      // see maxGroupWork
	hashes    []uint64 // hashes of the terms of the events, with repetitions
	terms     []index.Term
}

// accepted is an operation with the position of its last event.
type accepted struct {
	op       *operation
	position uint64
}

// deferred is a result that is sent when the group is durable.
type deferred struct {
	op *operation
	r  result
}

func newGroup() *group {
	return &group{bytes: make([]byte, eventlog.GroupPrefix, 64<<10), tracking: map[string]uint64{}}
}

// reset empties the group. Its next event gets the position first.
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
	clear(g.deferred)
	g.accepted, g.deferred = g.accepted[:0], g.deferred[:0]
}

// empty reports whether there is nothing to write. An empty group has no deferred
// results.
func (g *group) empty() bool { return len(g.accepted) == 0 }

func (g *group) full() bool {
	return len(g.bytes) >= maxGroupBytes || len(g.accepted)+len(g.deferred) >= maxGroupRequests || g.work >= maxGroupWork
}

func (g *group) payloadBytes() int { return len(g.bytes) - eventlog.GroupPrefix }

// last returns the last position assigned so far, in this group or before it.
func (g *group) last() uint64 { return g.first + uint64(g.count) - 1 }

// begin sets the offset of the payload and the head block of an empty group.
func (g *group) begin(payloadAt int64, block *headBlock) { g.payloadAt, g.block = payloadAt, block }

// add assigns positions to the operation's events, encodes them, and adds them to the
// head block. Readers stop at the published head, so they do not see these events yet.
func (g *group) add(op *operation) {
	for i := range op.changes {
		to := &op.changes[i].to
		g.tracking[to.Source] = to.Position
	}
	var info *dcb.TrackingInfo // encoded in tracking
	var tracking []byte
	i, rest := 0, op.trackingOnly()
	for event := range op.request.All() {
		rest = g.addTrackingOnly(rest, i)
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
	g.addTrackingOnly(rest, i)
	last := uint64(0)
	if op.request.Count > 0 {
		last = g.last()
	}
	g.accepted = append(g.accepted, accepted{op, last})
	g.work += op.request.Count + op.request.Tags
}

// addTrackingOnly encodes the tracking-only records that come before an event of the
// operation, and returns the remaining ones.
func (g *group) addTrackingOnly(rest []trackingOnly, before int) []trackingOnly {
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

// location returns the location of the record that starts at an offset in g.bytes.
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
		a.op.answer(result{position: a.position})
	}
}

// refuse answers the accepted operations with an error.
func (g *group) refuse(err error) {
	for _, a := range g.accepted {
		a.op.answer(result{err: err})
	}
}

// answerDeferred sends the deferred results. If the group could not be made durable,
// err is the cause, and is sent instead.
func (g *group) answerDeferred(err error) {
	for _, d := range g.deferred {
		if err != nil {
			d.r = result{err: err}
		}
		d.op.answer(d.r)
	}
	clear(g.deferred)
	g.deferred = g.deferred[:0]
}
