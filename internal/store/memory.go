package store

import (
	"iter"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/wire/encoding"
)

// newMemory makes the memory block for what comes behind a tail, with room for
// about so many terms.
func newMemory(hasher index.Hasher, tail eventlog.Tail, terms int) *memory {
	return &memory{
		HeadBlock: index.NewHeadBlock(hasher, tail.Next, terms),
		span:   index.Span{FirstGroup: tail.Index + 1, LastGroup: tail.Index, First: tail.Next},
	}
}

// addRecord adds an event. It returns the terms of the event, which alias the event.
// They are stored in the array of terms, which is overwritten.
func (m *memory) addRecord(location index.Location, event encoding.Event, terms []index.Term) []index.Term {
	terms = terms[:0]
	hasher := m.Hasher()
	eventType, tags := event.Type()
	terms = append(terms, hasher.Term(index.KindType, eventType))
	for tag, ok := tags.Next(); ok; tag, ok = tags.Next() {
		terms = append(terms, hasher.Term(index.KindTag, tag))
	}
	m.AddEvent(location, terms)
	return terms
}

// full tells whether the next group is to go into another block.
func (m *memory) full(events int) bool {
	return m.Next()-m.First() >= uint64(events) || m.logBytes >= maxBlockLog || m.Bytes() >= maxBlockMemory
}

// fits reports whether the block stays within its bound with one more operation. A
// large operation has a block of its own, which may be larger than the bound.
func (m *memory) fits(op *operation) bool {
	r := op.request
	return m.Bytes()+index.MaxBytes(r.Count, r.Count+r.Tags, len(r.Events)) <= maxBlockMemory
}

// cover notes that the block has a group.
func (m *memory) cover(g *eventlog.Group) {
	m.span.LastGroup, m.span.Chain = g.Index, g.Chain
	m.span.Base, m.span.Offset = g.Base, g.Offset
	m.logBytes += int64(g.PayloadBytes) + eventlog.GroupPrefix
}

// empty tells whether the block covers no group.
func (m *memory) empty() bool { return m.span.LastGroup < m.span.FirstGroup }

// addGroup adds a group that was read from the log. records are its verified records.
func (m *memory) addGroup(g *eventlog.Group, records iter.Seq2[encoding.Record, error]) error {
	var terms []index.Term
	for record, err := range records {
		if err != nil {
			return err
		}
		if record.Tracking != nil {
			m.SetTracking(record.Tracking.Source, record.Tracking.Position)
		}
		if record.Position == 0 {
			continue
		}
		bytes := g.Payload[record.Offset : record.Offset+record.Size]
		terms = m.addRecord(index.Location{
			Offset: g.PayloadOffset() + int64(record.Offset),
			Size:   uint32(record.Size),
			CRC:    eventlog.Checksum(bytes),
		}, record.Event, terms)
	}
	m.cover(g)
	return nil
}
