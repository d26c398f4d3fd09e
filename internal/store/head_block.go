package store

import (
	"context"
	"iter"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/record"
)

// headBlock is a block in memory with the groups that it covers. Only the writer uses
// the span, until a newer head block follows; then the span no longer changes, unless a
// group is withdrawn while the states are locked.
type headBlock struct {
	*index.HeadBlock
	span     index.Span
	logBytes int64
}

// newHeadBlock returns a head block for the groups after a tail, sized for about the
// given number of terms.
func newHeadBlock(hasher index.Hasher, tail eventlog.Tail, terms int) *headBlock {
	return &headBlock{
		HeadBlock: index.NewHeadBlock(hasher, tail.Next, terms),
		span:      index.Span{FirstGroup: tail.Index + 1, LastGroup: tail.Index, First: tail.Next},
	}
}

// addRecord adds an event and returns its terms, which alias the event. They are stored
// in the array of the slice terms, which is overwritten.
func (h *headBlock) addRecord(location index.Location, event record.Event, terms []index.Term) []index.Term {
	terms = terms[:0]
	hasher := h.Hasher()
	eventType, tags := event.Type()
	terms = append(terms, hasher.Term(index.KindType, eventType))
	for tag, ok := tags.Next(); ok; tag, ok = tags.Next() {
		terms = append(terms, hasher.Term(index.KindTag, tag))
	}
	h.AddEvent(location, terms)
	return terms
}

// full reports whether the next group belongs in a new block.
func (h *headBlock) full(events int) bool {
	return h.Next()-h.First() >= uint64(events) || h.logBytes >= maxHeadBlockLog || h.Bytes() >= maxHeadBlockMemory
}

// fits reports whether the block stays within maxHeadBlockMemory with one more operation. An
// operation that exceeds this bound alone gets a block of its own.
func (h *headBlock) fits(op *operation) bool {
	r := op.request
	return h.Bytes()+index.MaxBytes(r.Count, r.Count+r.Tags, len(r.Events))+max(1, op.maxHeaders())*index.MaxTimeBytes <= maxHeadBlockMemory
}

// extend extends the span of the block by a group, whose events were added.
func (h *headBlock) extend(g *eventlog.Group) {
	if g.Count > 0 {
		h.AddTime(g.First, g.Time)
	}
	h.span.LastGroup, h.span.Chain = g.Index, g.Chain
	h.span.Base, h.span.Offset = g.Base, g.Offset
	h.logBytes += int64(g.PayloadBytes) + eventlog.GroupPrefix
}

// headMark is the state of a head block before a group.
type headMark struct {
	block    *headBlock
	content  index.Mark
	span     index.Span
	logBytes int64
}

// mark returns the state of the block now.
func (h *headBlock) mark() headMark {
	return headMark{block: h, content: h.Mark(), span: h.span, logBytes: h.logBytes}
}

// withdraw removes the groups since a mark from the span. Their events are removed by
// Truncate.
func (h *headBlock) withdraw(to headMark) { h.span, h.logBytes = to.span, to.logBytes }

// empty reports whether the block covers no group.
func (h *headBlock) empty() bool { return h.span.LastGroup < h.span.FirstGroup }

// addGroup adds a group that was read from the log, with its verified records.
func (h *headBlock) addGroup(g *eventlog.Group, records iter.Seq2[record.Record, error]) error {
	return h.addRecords(g, records, func(tracking *dcb.TrackingInfo, _ []index.Term) {
		if tracking != nil {
			h.SetTracking(tracking.Source, tracking.Position)
		}
	})
}

// addRecords adds the events of a group, with its verified records, but not its tracking. It
// calls added for each record, with its tracking and with the terms of its event, which are
// valid until added returns.
func (h *headBlock) addRecords(g *eventlog.Group, records iter.Seq2[record.Record, error], added func(*dcb.TrackingInfo, []index.Term)) error {
	var terms []index.Term
	for record, err := range records {
		if err != nil {
			return err
		}
		if record.Position == 0 {
			added(record.Tracking, nil)
			continue
		}
		bytes := g.Payload[record.Offset : record.Offset+record.Size]
		terms = h.addRecord(index.Location{
			Offset: g.PayloadOffset() + int64(record.Offset),
			Size:   uint32(record.Size),
			CRC:    eventlog.Checksum(bytes),
		}, record.Event, terms)
		added(record.Tracking, terms)
	}
	h.extend(g)
	return nil
}

// replay builds head blocks from groups in the log.
type replay struct {
	store *Store
	ctx   context.Context
	// emit is called with each full block.
	emit func(*headBlock) error
	// progress is called after each group. It may be nil.
	progress func(*eventlog.Group)
}

// run replays the groups after a point, up to the group with index last. It returns
// the remaining block, which was not emitted.
func (r *replay) run(from eventlog.Point, last uint64) (*headBlock, error) {
	h := newHeadBlock(r.store.hasher, from.Tail, 0)
	for g, err := range r.store.log.Groups(from, last) {
		if err == nil {
			err = r.ctx.Err()
		}
		if err == nil && h.full(r.store.options.BlockEvents) {
			err = r.emit(h)
			h = newHeadBlock(r.store.hasher, eventlog.Tail{Index: g.Index - 1, Next: g.First}, h.Terms())
		}
		if err == nil {
			err = h.addGroup(&g, r.store.verifiedRecords(&g))
		}
		if err != nil {
			return nil, err
		}
		if r.progress != nil {
			r.progress(&g)
		}
	}
	return h, nil
}
