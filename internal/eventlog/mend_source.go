package eventlog

import (
	"fmt"
	"iter"
)

// MendSource is the segment of a copy, from which Mend takes groups.
type MendSource struct {
	header segmentHeader
	// next returns the group after a tail, at an offset of the segment, or errNoGroup. Its
	// bytes are valid until the next call.
	next func(at int64, tail Tail) (group, error)
}

// MendSource returns the segment with a base. The log must stay open.
func (l *Log) MendSource(base uint64) (*MendSource, error) {
	segment, _ := l.segmentAt(base)
	if segment == nil {
		return nil, noSegment(base)
	}
	s, err := l.scanner(segment)
	if err != nil {
		return nil, err
	}
	return &MendSource{segment.header, func(at int64, tail Tail) (group, error) {
		s.offset, s.tail = at, tail
		return s.next()
	}}, nil
}

// noSegment returns the error for a copy without the segment with a base.
func noSegment(base uint64) error {
	return fmt.Errorf("%w: it has no segment %s", ErrCannotMend, segmentName(base))
}

// ReceivedSource returns the segment with a base, from the groups of a copy in their order.
// The first of them must be in this segment or in one before it. stop must be called after
// Mend.
func ReceivedSource(base uint64, groups iter.Seq2[Group, error]) (source *MendSource, stop func(), err error) {
	pull, stop := iter.Pull2(groups)
	r := received{pull: pull}
	for {
		if err := r.advance(); err != nil {
			return nil, stop, err
		}
		if r.ended {
			return nil, stop, noSegment(base)
		}
		if r.current.SegmentHeader == nil {
			continue
		}
		header, err := decodeSegmentHeader(r.current.SegmentHeader)
		if err != nil || header.tail.Next > base {
			return nil, stop, noSegment(base)
		}
		if header.tail.Next == base {
			r.id = header.store
			return &MendSource{header, r.next}, stop, nil
		}
	}
}

// received iterates over the groups of a segment that are received.
type received struct {
	pull    func() (Group, error, bool)
	id      StoreID
	current Group
	ended   bool // there is no current group
}

// advance receives the next group.
func (r *received) advance() error {
	g, err, more := r.pull()
	r.current, r.ended = g, !more
	return err
}

// next implements MendSource.next. The tails of calls must ascend.
func (r *received) next(_ int64, tail Tail) (group, error) {
	for !r.ended && r.current.Index <= tail.Index {
		if err := r.advance(); err != nil {
			return group{}, err
		}
		r.ended = r.ended || r.current.SegmentHeader != nil // of the next segment
	}
	if r.ended {
		return group{}, errNoGroup
	}
	h, why := checkGroup(&r.current, r.id, tail)
	if why != "" {
		return group{}, fmt.Errorf("%w: %s", ErrCannotMend, why)
	}
	return group{GroupHeader: h, header: r.current.Header, payload: r.current.Payload}, nil
}
