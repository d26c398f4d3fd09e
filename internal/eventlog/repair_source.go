package eventlog

import (
	"errors"
	"fmt"
	"iter"

	"github.com/umadb-go/umadb/internal/vfs"
)

// RepairSource is the segment of a copy, from which Repair takes groups.
type RepairSource struct {
	header segmentHeader
	// next returns the group after a tail, at an offset of the segment, or errNoGroup. Its
	// bytes are valid until the next call.
	next func(at int64, tail Tail) (group, error)
	// followed reports whether another segment follows. It is called after the last group.
	followed func() bool
}

// RepairSource returns the segment with a base. The log must stay open.
func (l *Log) RepairSource(base uint64) (*RepairSource, error) {
	segment, following := l.segmentAt(base)
	if segment == nil {
		return nil, noSegment(base)
	}
	s, err := l.scanner(segment)
	if err != nil {
		return nil, err
	}
	next := func(at int64, tail Tail) (group, error) {
		s.offset, s.tail = at, tail
		g, err := s.next()
		var corruption *vfs.CorruptionError
		if errors.As(err, &corruption) { // it has another history, or is corrupt
			err = fmt.Errorf("%w: %w", ErrCannotRepair, err)
		}
		return g, err
	}
	return &RepairSource{segment.header, next, func() bool { return following != nil }}, nil
}

// noSegment returns the error for a copy without the segment with a base.
func noSegment(base uint64) error {
	return fmt.Errorf("%w: it has no segment %s", ErrCannotRepair, segmentName(base))
}

// ReceivedSource returns the segment with a base, from the groups of a copy in their order.
// The first of them must be in this segment or in one before it. stop must be called after
// Repair.
func ReceivedSource(base uint64, groups iter.Seq2[Group, error]) (source *RepairSource, stop func(), err error) {
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
			return &RepairSource{header, r.next, func() bool { return r.followed }}, stop, nil
		}
	}
}

// received iterates over the groups of a segment that are received.
type received struct {
	pull     func() (Group, error, bool)
	id       StoreID
	current  Group
	ended    bool // there is no current group
	followed bool // by another segment
}

// advance receives the next group.
func (r *received) advance() error {
	g, err, more := r.pull()
	r.current, r.ended = g, !more
	return err
}

// next implements RepairSource.next. The tails of calls must ascend.
func (r *received) next(_ int64, tail Tail) (group, error) {
	for !r.ended && r.current.Index <= tail.Index {
		if err := r.advance(); err != nil {
			return group{}, err
		}
		r.followed = !r.ended && r.current.SegmentHeader != nil
		r.ended = r.ended || r.followed
	}
	if r.ended {
		return group{}, errNoGroup
	}
	h, why := checkGroup(&r.current, r.id, tail)
	if why != "" {
		return group{}, fmt.Errorf("%w: %s", ErrCannotRepair, why)
	}
	return group{GroupHeader: h, header: r.current.Header, payload: r.current.Payload}, nil
}
