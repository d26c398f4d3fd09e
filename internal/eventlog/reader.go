package eventlog

import (
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/umadb-go/umadb/internal/vfs"
)

// firstWindow is how many bytes a Reader reads at first after the log has grown. A
// reader that follows the end of the log usually finds few new groups there.
const firstWindow = 64 << 10

// Reader reads the groups of a log forward and verifies each, while the log may grow.
// One goroutine uses it. It holds no file open, so it needs no closing.
type Reader struct {
	log     *Log
	segment *Segment
	scan    *scanner
	last    uint64 // the greatest index that Next was called with
}

// NewReader returns a reader of the groups after a point.
func (l *Log) NewReader(from Point) (*Reader, error) {
	r := &Reader{log: l}
	segment, _ := l.segmentAt(from.Base)
	if segment == nil {
		return nil, fmt.Errorf("there is no segment %s", segmentName(from.Base))
	}
	if err := r.open(segment); err != nil {
		return nil, err
	}
	r.scan.offset, r.scan.tail = from.Offset, from.Tail
	return r, nil
}

// ErrOtherHistory is returned by ReaderAfter if the log does not contain the group.
var ErrOtherHistory = errors.New("the log has another history")

// ReaderAfter returns a reader of the groups after the one with the given index and
// chain, which must not be after index last. It reads the segment of that group up to it.
// It calls interrupted between reads; an error from it ends the search and is returned.
func (l *Log) ReaderAfter(after GroupID, last uint64, interrupted func() error) (*Reader, error) {
	if after.Index > last {
		return nil, fmt.Errorf("%w: it ends with group %d, before group %d", ErrOtherHistory, last, after.Index)
	}
	r, err := l.NewReader(l.startNear(after.Index))
	for err == nil && r.Tail().Index < after.Index {
		if _, err = r.Next(after.Index); err == nil {
			err = interrupted()
		}
	}
	if err != nil {
		return nil, err
	}
	if chain := r.Tail().Chain; chain != after.Chain {
		return nil, fmt.Errorf("%w: its group %d has chain %016x and not %016x", ErrOtherHistory, after.Index, chain, after.Chain)
	}
	return r, nil
}

// startNear returns the start of the segment from which the group after the one with
// this index can be read.
func (l *Log) startNear(index uint64) Point {
	segments := l.Segments()
	i := sort.Search(len(segments), func(i int) bool { return segments[i].header.tail.Index > index })
	return segments[max(i, 1)-1].Start()
}

// Tail returns the state of the log after the last group that was read.
func (r *Reader) Tail() Tail { return r.scan.tail }

// Next returns the next group, or io.EOF after the group with index last. The log must
// contain that group. Corruption is a *vfs.CorruptionError.
func (r *Reader) Next(last uint64) (Group, error) {
	if err := r.extend(last); err != nil {
		return Group{}, err
	}
	for r.scan.tail.Index < last {
		g, err := r.scan.next()
		if err == nil {
			return r.group(&g), nil
		}
		if !errors.Is(err, errNoGroup) {
			return Group{}, err
		}
		if err := r.scan.checkSealedEnd(); err != nil {
			return Group{}, err
		}
		if err := r.nextSegment(); err != nil {
			return Group{}, err
		}
	}
	_, next := r.log.segmentAt(r.segment.Base)
	if next != nil && next.header.tail.Index <= r.scan.tail.Index && next.header.tail != r.scan.tail {
		return Group{}, r.notContinued()
	}
	return Group{}, io.EOF
}

// extend forgets the bytes that were read before the log had groups up to last.
func (r *Reader) extend(last uint64) error {
	if last <= r.last {
		return nil
	}
	size, err := r.segment.file.Size()
	if err != nil {
		return err
	}
	r.last = last
	r.scan.size, r.scan.window, r.scan.ahead = size, r.scan.window[:0], firstWindow
	return nil
}

func (r *Reader) group(g *group) Group {
	out := Group{GroupHeader: g.GroupHeader, Base: r.segment.Base, Offset: g.offset, Header: g.header, Payload: g.payload}
	if g.offset == segmentHeaderBytes {
		out.SegmentHeader = r.segment.header.encode()
	}
	return out
}

// nextSegment continues with the segment after the one that was read to its end.
func (r *Reader) nextSegment() error {
	_, next := r.log.segmentAt(r.segment.Base)
	if next == nil || next.header.tail != r.scan.tail {
		return r.notContinued()
	}
	return r.open(next)
}

func (r *Reader) open(s *Segment) error {
	scan, err := r.log.scanner(s)
	if err != nil {
		return err
	}
	if r.scan != nil {
		scan.window = r.scan.window[:0]
	}
	r.segment, r.scan = s, scan
	return nil
}

func (r *Reader) notContinued() error {
	return &vfs.CorruptionError{File: r.segment.Name, What: fmt.Sprintf("it ends with group %d, and the next segment does not continue it", r.scan.tail.Index)}
}
