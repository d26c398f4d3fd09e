package eventlog

import "errors"

// GroupPrefix is the number of bytes that Seal needs before the payload.
const GroupPrefix = groupHeaderBytes

// Sealed is a group that is ready to be written.
type Sealed struct {
	Group
	bytes []byte
	roll  *segmentHeader // header of the new segment that the group starts, or nil
	file  *segmentFile   // the file of that segment

	// What Withdraw restores.
	plan plan
	full *segmentFile // the file before the new segment
}

// Seal ends the open group and writes its header into bytes. bytes are GroupPrefix
// bytes for the header and then the payload, no longer than reserved. time is in
// Unix nanoseconds; if it is before the time of the last group, that time is used.
// The next Reserve is for the next group.
func (l *Log) Seal(bytes []byte, kind Kind, count int, time int64) *Sealed {
	tail := l.plan.tail
	payload := bytes[groupHeaderBytes:]
	s := &Sealed{bytes: bytes, Group: Group{Base: l.plan.base, Offset: l.plan.offset, Payload: payload}, plan: l.plan}
	s.GroupHeader = GroupHeader{
		Kind:         kind,
		Count:        uint32(count),
		Term:         standaloneTerm,
		Index:        tail.Index + 1,
		Time:         max(time, tail.Time),
		First:        tail.Next,
		PayloadBytes: uint32(len(payload)),
		PayloadCRC:   Checksum(payload),
	}
	s.encode(bytes, l.id, tail.Chain)
	if l.plan.roll {
		s.Base, s.Offset = tail.Next, segmentHeaderBytes
		s.roll = &segmentHeader{store: l.id, previous: l.plan.base, tail: tail}
		s.full, s.file = l.space.takeNext()
		l.plan.roll, l.plan.base = false, tail.Next
	}
	l.plan.tail = s.Tail()
	l.plan.offset = s.Offset + int64(len(bytes))
	l.space.end.Store(l.plan.offset)
	return s
}

// Withdraw undoes Seal for a group that was not written. No later group may have been
// sealed. The next Reserve is for a group in its place.
func (l *Log) Withdraw(s *Sealed) error {
	l.plan = s.plan
	l.space.end.Store(l.plan.offset)
	if s.roll == nil {
		return nil
	}
	return l.space.returnNext(l, s.full, s.file)
}

// takeNext makes the next segment the one that groups are planned in. It returns the file
// of the segment before and that of the next one.
func (s *space) takeNext() (full, next *segmentFile) {
	s.mu.Lock()
	defer s.mu.Unlock()
	full, next = s.tail, s.next
	s.tail, s.next = next, nil
	return full, next
}

// returnNext undoes takeNext. If another next segment was created since, it is removed.
func (s *space) returnNext(l *Log, full, next *segmentFile) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	extra := s.next
	s.tail, s.next = full, next
	if extra == nil {
		return nil
	}
	return errors.Join(extra.Close(), l.dir.Remove(extra.name))
}

// Write writes a sealed group. All groups before it must have been written and
// synced. If Write fails, the log must not be written again.
func (l *Log) Write(s *Sealed) error {
	if s.roll != nil {
		if err := l.rollTo(s); err != nil {
			return err
		}
	}
	if _, err := l.written.segment.file.WriteAt(s.bytes, s.Offset); err != nil {
		return err
	}
	l.written.end = s.Offset + int64(len(s.bytes))
	return nil
}

// Sync makes all written groups durable. If it fails, the groups written since the
// last sync may or may not be on the disk, and another Sync cannot determine which.
func (l *Log) Sync() error { return l.written.segment.file.Sync() }

// rollTo installs the next segment and truncates the full one to its content.
func (l *Log) rollTo(s *Sealed) error {
	if err := l.install(s.file, s.roll); err != nil {
		return err
	}
	full, end := l.written.segment, l.written.end
	base := s.roll.tail.Next
	segment := &Segment{Name: l.path(segmentName(base)), Base: base, header: *s.roll, file: s.file}
	segments := append(append([]*Segment(nil), l.Segments()...), segment)
	l.segments.Store(&segments)
	l.written.segment, l.written.end = segment, segmentHeaderBytes
	return full.file.Truncate(end)
}
