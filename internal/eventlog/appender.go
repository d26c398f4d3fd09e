package eventlog

import (
	"errors"
	"math"
)

// Appender plans groups at the end of a log: it reserves space for the open group and seals
// it. It can be ahead of the Writer.
type Appender struct {
	log  *Log
	plan plan
}

// plan is where the next group goes. It is ahead of what is written.
type plan struct {
	tail   Tail
	offset int64  // of the next group
	base   uint64 // of the segment that it is planned in
	roll   bool   // the open group starts a new segment
}

// Tail returns the planned end of the log, which includes sealed groups that are not
// written yet.
func (a *Appender) Tail() Tail { return a.plan.tail }

// Reserve allocates space for the payload of the open group to grow from used to
// used+more bytes. It returns the offset of the payload in its segment. A call with
// used 0 decides where the group goes. Any error except ErrSegmentFull and
// ErrSegmentFailed changes nothing, and Reserve may be called again: there is no space,
// or the next segment cannot be created.
func (a *Appender) Reserve(used, more int) (payloadAt int64, err error) {
	if a.plan.tail.Next > maxNumber-math.MaxUint32 { // a group has at most MaxUint32 events
		return 0, errors.New("the log has no positions left")
	}
	size := int64(groupHeaderBytes + used + more)
	if used == 0 {
		// A segment is named by its first position. If this one contains no event
		// yet, the next one would have the same name.
		a.plan.roll = a.plan.offset+size > a.log.options.SegmentBytes && a.plan.tail.Next > a.plan.base
	}
	if used > 0 && a.offset()+size > a.log.options.SegmentBytes {
		return 0, ErrSegmentFull
	}
	return a.offset() + groupHeaderBytes, a.ensure(size)
}

// offset returns the offset of the open group in its segment.
func (a *Appender) offset() int64 {
	if a.plan.roll {
		return segmentHeaderBytes
	}
	return a.plan.offset
}

// ensure allocates space for an open group of a size.
func (a *Appender) ensure(size int64) error {
	return a.log.space.ensure(a.log, a.plan.roll, a.offset()+size+paddingBytes)
}

// Rolling reports whether the open group starts a new segment.
func (a *Appender) Rolling() bool { return a.plan.roll }

// GroupPrefix is the number of bytes that Seal needs before the payload.
const GroupPrefix = groupHeaderBytes

// Sealed is a group that is ready to be written.
type Sealed struct {
	Group
	bytes  []byte
	offset int64          // of bytes, in the segment
	roll   *segmentHeader // header of the new segment that the group starts, or nil
	file   *segmentFile   // the file of that segment

	// What Withdraw restores.
	plan plan
	full *segmentFile // the file before the new segment
}

// Seal ends the open group and writes its header into bytes. bytes are GroupPrefix
// bytes for the header and then the payload, no longer than reserved. time is in
// Unix nanoseconds; if it is before the time of the last group, that time is used.
// The next Reserve is for the next group.
func (a *Appender) Seal(bytes []byte, kind Kind, count int, time int64) *Sealed {
	tail := a.plan.tail
	payload := bytes[groupHeaderBytes:]
	h := GroupHeader{
		Kind:         kind,
		Count:        uint32(count),
		Term:         standaloneTerm,
		Index:        tail.Index + 1,
		Time:         max(time, tail.Time),
		First:        tail.Next,
		PayloadBytes: uint32(len(payload)),
		PayloadCRC:   Checksum(payload),
	}
	h.encode(bytes, a.log.id, tail.Chain)
	return a.advance(h, bytes)
}

// advance assigns a place to the open group, and plans the next group after it.
func (a *Appender) advance(h GroupHeader, bytes []byte) *Sealed {
	tail := a.plan.tail
	s := &Sealed{bytes: bytes, plan: a.plan}
	s.Group = Group{GroupHeader: h, Base: a.plan.base, Offset: a.plan.offset, Payload: bytes[groupHeaderBytes:]}
	if a.plan.roll {
		s.Base, s.Offset = tail.Next, segmentHeaderBytes
		s.roll = &segmentHeader{store: a.log.id, previous: a.plan.base, tail: tail}
		s.full, s.file = a.log.space.takeNext()
		a.plan.roll, a.plan.base = false, tail.Next
	}
	s.offset = s.Offset
	a.plan.tail = s.Tail()
	a.plan.offset = s.Offset + int64(len(bytes))
	a.log.space.end.Store(a.plan.offset)
	return s
}

// Withdraw reverts Seal for a group that was not written. No later group may have been
// sealed. The next Reserve is for a group in its place.
func (a *Appender) Withdraw(s *Sealed) error {
	a.plan = s.plan
	a.log.space.end.Store(a.plan.offset)
	if s.roll == nil {
		return nil
	}
	return a.log.space.returnNext(a.log, s.full, s.file)
}

// sealClose seals a clean-close record. The padding of every segment has space for it.
func (a *Appender) sealClose() *Sealed {
	a.plan.roll = false
	return a.Seal(make([]byte, groupHeaderBytes), KindClose, 0, a.plan.tail.Time)
}
