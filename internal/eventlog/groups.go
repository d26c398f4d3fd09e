package eventlog

import (
	"errors"
	"fmt"
	"iter"

	"github.com/umadb-go/umadb/internal/vfs"
)

// Point is a place in the log between two groups.
type Point struct {
	Base   uint64 // of the segment
	Offset int64  // in the segment
	Tail   Tail
}

// Group is a verified group. The payload is valid until the next group is read.
type Group struct {
	GroupHeader
	Base    uint64 // of the segment
	Offset  int64  // of the header, in the segment
	Payload []byte
}

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
		for from.Tail.Index < last {
			segment, next := l.segmentAt(from.Base)
			if segment == nil {
				yield(Group{}, fmt.Errorf("there is no segment %s", segmentName(from.Base)))
				return
			}
			tail, ok := l.segmentGroups(segment, from, last, yield)
			if !ok {
				return
			}
			if tail.Index >= last && (next == nil || next.header.tail.Index > tail.Index) {
				return
			}
			if next == nil || next.header.tail != tail {
				yield(Group{}, &vfs.CorruptionError{File: segment.Name, What: fmt.Sprintf("it ends with group %d, and the next segment does not continue it", tail.Index)})
				return
			}
			from = next.Start()
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

// segmentGroups yields the groups of one segment. It returns the tail after the last
// group, and whether to continue.
func (l *Log) segmentGroups(s *Segment, from Point, last uint64, yield func(Group, error) bool) (Tail, bool) {
	scan, err := l.scanner(s)
	if err != nil {
		return Tail{}, yield(Group{}, err) && false
	}
	scan.offset, scan.tail = from.Offset, from.Tail
	for scan.tail.Index < last {
		g, err := scan.next()
		if errors.Is(err, errNoGroup) {
			err = scan.checkSealedEnd()
			if err == nil {
				break
			}
		}
		if err != nil {
			return Tail{}, yield(Group{}, err) && false
		}
		out := Group{GroupHeader: g.GroupHeader, Base: s.Base, Offset: g.offset, Payload: g.payload}
		if !yield(out, nil) {
			return Tail{}, false
		}
	}
	return scan.tail, true
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
