package store

import (
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/record"
)

// keptBytes, keptHashes and keptParts bound the buffers of a group that are reused.
const (
	keptBytes  = 2 * maxGroupBytes
	keptHashes = maxGroupWork
	keptParts  = 2 * maxGroupRequests
)

// group is the content of a commit. It belongs to one goroutine at a time, which has it as
// an openGroup, a sealedGroup or a durableGroup.
type group struct {
	bytes     []byte          // space for the header, then the payload, for each part
	parts     []eventlog.Part // one unless records keep the times of another store
	payloadAt int64           // offset of the payload in its segment
	first     uint64          // position of the first event
	count     int
	block     *headBlock
	mark      headMark          // of the block before the group
	tracking  map[string]uint64 // not changed once the group is sealed
	accepted  []accepted
	adopted   bool     // another store has decided the group
	hashes    []uint64 // hashes of the terms of the events, with repetitions
	times     commitTimes
}

// accepted is an operation with the position of its last event.
type accepted struct {
	op       *operation
	position uint64
}

// deferred is a result that is sent when a group is durable.
type deferred struct {
	op *operation
	r  result
}

// openGroup is the group that the writer fills.
type openGroup struct {
	*group
	limits groupLimits
	work   int          // see maxGroupWork
	terms  []index.Term // of the last event
}

// sealedGroup is a group with its place in the log, for the committer.
type sealedGroup struct {
	*group
	sealed *eventlog.Sealed
}

// durableGroup is a group that was committed.
type durableGroup struct{ sealedGroup }

// newGroup returns an open group without buffers of an earlier one.
func newGroup() *group {
	return &group{bytes: make([]byte, eventlog.GroupPrefix, 4<<10), tracking: map[string]uint64{}}
}

// clear removes the content of a group and keeps its buffers, unless they are large.
func (g *group) clear() {
	if cap(g.bytes) > keptBytes {
		g.bytes = make([]byte, 0, 64<<10)
	}
	g.bytes = g.bytes[:eventlog.GroupPrefix]
	if cap(g.hashes) > keptHashes {
		g.hashes = nil
	}
	g.hashes = g.hashes[:0]
	if cap(g.parts) > keptParts {
		g.parts = nil
	}
	g.first, g.count, g.block, g.mark, g.adopted, g.times = 0, 0, nil, headMark{}, false, commitTimes{}
	clear(g.tracking)
	clear(g.accepted)
	g.accepted = g.accepted[:0]
}

// open makes an empty group the open one. Its first event gets the position first.
func (g *openGroup) open(empty *group, first uint64) {
	g.group, g.work = empty, 0
	g.first = first
	g.parts = append(g.parts[:0], eventlog.Part{})
}

// empty reports whether there is nothing to write.
func (g *openGroup) empty() bool { return len(g.accepted) == 0 }

// full reports whether the group has to be sealed before another operation is decided. No
// append follows records with the times of another store in the same group.
// results is the number of results that are deferred, and waiting the bytes of their events.
func (g *openGroup) full(results, waiting int) bool {
	if g.parts[len(g.parts)-1].Time != presentTime {
		return true
	}
	return len(g.bytes)+waiting >= g.limits.full || len(g.accepted)+results >= maxGroupRequests || g.work >= maxGroupWork
}

func (g *openGroup) payloadBytes() int { return len(g.bytes) - eventlog.GroupPrefix }

// last returns the last position assigned so far, in this group or before it.
func (g *openGroup) last() uint64 { return g.first + uint64(g.count) - 1 }

// begin sets the offset of the payload and the head block of an empty group.
func (g *openGroup) begin(payloadAt int64, block *headBlock) {
	g.payloadAt, g.block, g.mark = payloadAt, block, block.mark()
}

// add assigns positions to the operation's events, encodes them, and adds them to the
// head block. Readers stop at the published head, so they do not see these events yet.
func (g *openGroup) add(op *operation) {
	for i := range op.changes {
		to := &op.changes[i].to
		g.tracking[to.Source] = to.Position
	}
	var info *dcb.TrackingInfo // encoded in tracking
	var tracking []byte
	g.addOrigin(op)
	i, rest := 0, op.trackingOnly()
	for event := range op.request.All() {
		rest = g.addTrackingOnly(rest, i)
		part := g.partAt(op.time(i))
		if next := op.tracking(i); next != info {
			info, tracking = next, encodeTracking(next)
		}
		from := len(g.bytes)
		g.bytes = record.AppendEventRecord(g.bytes, g.first+uint64(g.count), event, tracking)
		g.count++
		part.Count++
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
func (g *openGroup) addTrackingOnly(rest []trackingOnly, before int) []trackingOnly {
	for len(rest) > 0 && rest[0].before == before {
		g.partAt(rest[0].time)
		g.bytes = record.AppendTrackingRecord(g.bytes, encodeTracking(&rest[0].info))
		rest = rest[1:]
	}
	return rest
}

// addOrigin adds the clean-close record before the first record of an operation, if it needs one.
func (g *openGroup) addOrigin(op *operation) {
	if op.restore == nil || op.restore.origin == 0 {
		return
	}
	g.partAt(op.restore.origin).Kind = eventlog.KindClose
	g.newPart(presentTime)
}

// partAt returns the part for the next record, which has a commit time. If the last part has
// another one, it is a new part.
func (g *openGroup) partAt(time int64) *eventlog.Part {
	last := &g.parts[len(g.parts)-1]
	switch {
	case last.Time == time:
		return last
	case len(g.bytes) == last.Start+eventlog.GroupPrefix: // it is empty
		last.Time = time
		return last
	}
	return g.newPart(time)
}

// newPart starts a part with a commit time.
func (g *openGroup) newPart(time int64) *eventlog.Part {
	g.parts = append(g.parts, eventlog.Part{Start: len(g.bytes), Time: time})
	g.bytes = append(g.bytes, make([]byte, eventlog.GroupPrefix)...)
	return &g.parts[len(g.parts)-1]
}

func encodeTracking(info *dcb.TrackingInfo) []byte {
	if info == nil {
		return nil
	}
	return record.AppendTracking([]byte{}, info)
}

// location returns the location of the record that starts at an offset of bytes.
func (g *openGroup) location(from int) index.Location {
	record := g.bytes[from:]
	return index.Location{
		Offset: g.payloadAt + int64(from-eventlog.GroupPrefix),
		Size:   uint32(len(record)),
		CRC:    eventlog.Checksum(record),
	}
}

// seal ends the group. The writer must not use it afterwards.
func (g *openGroup) seal(env environment) sealedGroup {
	s := sealedGroup{g.group, env.seal(g.bytes, g.parts)}
	for group := range s.sealed.Groups() {
		g.block.extend(group)
	}
	g.group = nil
	return s
}

// answerAll answers the accepted operations of a group that is not durable.
func (g *group) answerAll(r result) {
	for _, a := range g.accepted {
		a.op.answer(r)
	}
}

// callers appends the accepted operations to a slice.
func (g *group) callers(to []*operation) []*operation {
	for _, a := range g.accepted {
		to = append(to, a.op)
	}
	return to
}

// answer answers the accepted operations with their positions.
func (g durableGroup) answer(q *queue) {
	q.end(len(g.accepted))
	for _, a := range g.accepted {
		a.op.send(result{position: a.position})
	}
}
