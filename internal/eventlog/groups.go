package eventlog

import (
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/umadb-go/umadb/internal/vfs"
)

// Point is a place in the log between two groups.
type Point struct {
	Base   uint64 // of the segment
	Offset int64  // in the segment
	Tail   Tail
}

// Group is a verified group. Its bytes are valid until the next group is read.
type Group struct {
	GroupHeader
	Base    uint64 // of the segment
	Offset  int64  // of the header, in the segment
	Payload []byte

	// Header is the header as stored. SegmentHeader is that of the segment if the group
	// is its first one, else nil. Only readers of the log set them.
	Header        []byte
	SegmentHeader []byte
}

// ReceivedGroup returns a group that was received as bytes: its header and payload, and the
// header of its segment or nothing. It aliases them, and does not verify them;
// Receiver.Write does.
func ReceivedGroup(segmentHeader, stored []byte) (Group, error) {
	if len(stored) < groupHeaderBytes {
		return Group{}, fmt.Errorf("a group has %d bytes, fewer than its header", len(stored))
	}
	g := Group{GroupHeader: readGroupHeader(stored), Header: stored[:groupHeaderBytes], Payload: stored[groupHeaderBytes:]}
	if len(g.Payload) != int(g.PayloadBytes) {
		return Group{}, fmt.Errorf("group %d has %d bytes instead of %d", g.Index, len(g.Payload), g.PayloadBytes)
	}
	if len(segmentHeader) > 0 {
		g.SegmentHeader = segmentHeader
	}
	return g, nil
}

// GroupID identifies a group among those of all histories of a store. The zero value
// is the place before the first group.
type GroupID struct{ Index, Chain uint64 }

// ID returns the identity of the last group.
func (t Tail) ID() GroupID { return GroupID{Index: t.Index, Chain: t.Chain} }

// End returns the point after the group.
func (g *Group) End() Point {
	return Point{Base: g.Base, Offset: g.PayloadOffset() + int64(g.PayloadBytes), Tail: g.Tail()}
}

// PayloadOffset returns the offset of the payload in the segment.
func (g *Group) PayloadOffset() int64 { return g.Offset + groupHeaderBytes }

// Start returns the point before the first group.
func (l *Log) Start() Point { return l.Segments()[0].Start() }

// Start returns the point before the segment's first group.
func (s *Segment) Start() Point {
	return Point{Base: s.Base, Offset: segmentHeaderBytes, Tail: s.header.tail}
}

// Groups iterates over the groups after a point up to index last, and verifies each.
// It ends after the first error. Corruption is a *vfs.CorruptionError.
func (l *Log) Groups(from Point, last uint64) iter.Seq2[Group, error] {
	return func(yield func(Group, error) bool) {
		if from.Tail.Index >= last {
			return
		}
		r, err := l.NewReader(from)
		for err == nil {
			var g Group
			if g, err = r.Next(last); err == nil && !yield(g, nil) {
				return
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(Group{}, err)
		}
	}
}

// SegmentName returns the path of the segment that starts at a position.
func (l *Log) SegmentName(base uint64) string { return l.path(segmentName(base)) }

// segmentAt returns the segment with the given base and the one after it. Either is
// nil if it does not exist.
func (l *Log) segmentAt(base uint64) (segment, next *Segment) {
	segments := l.Segments()
	for i, s := range segments {
		if s.Base != base {
			continue
		}
		if i+1 < len(segments) {
			next = segments[i+1]
		}
		return s, next
	}
	return nil, nil
}

// HeaderAt returns the header of the group at an offset of a segment, and reports
// whether there is a valid one.
func (l *Log) HeaderAt(base uint64, offset int64) (Group, bool, error) {
	segment, _ := l.segmentAt(base)
	if segment == nil {
		return Group{}, false, nil
	}
	size, err := segment.file.Size()
	if err != nil || offset < segmentHeaderBytes || offset > size-groupHeaderBytes {
		return Group{}, false, err
	}
	b := make([]byte, groupHeaderBytes)
	err = segment.ReadAt(b, offset)
	var corruption *vfs.CorruptionError
	if errors.As(err, &corruption) {
		return Group{}, false, nil
	}
	if err != nil {
		return Group{}, false, err
	}
	h, valid := decodeGroupHeader(b, l.id)
	return Group{GroupHeader: h, Base: base, Offset: offset}, valid, nil
}
