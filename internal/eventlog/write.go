package eventlog

// GroupPrefix is the room that a group's bytes need before the payload.
const GroupPrefix = groupHeaderBytes

// Sealed is a group that is ready to be written.
type Sealed struct {
	Group
	bytes []byte
	roll  *segmentHeader // the group begins a new segment
	file  *segmentFile   // that segment's
}

// Seal ends the open group: bytes are GroupPrefix bytes of room and the payload,
// in the space that Reserve gave. time is Unix nanoseconds and is moved up if
// the clock has gone back. The next Reserve is for the group after it.
func (l *Log) Seal(bytes []byte, kind Kind, count int, time int64) *Sealed {
	tail := l.plan.tail
	payload := bytes[groupHeaderBytes:]
	s := &Sealed{bytes: bytes, Group: Group{Base: l.plan.base, Offset: l.plan.offset, Payload: payload}}
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
		s.file = l.space.takeNext()
		l.plan.roll, l.plan.base = false, tail.Next
	}
	l.plan.tail = s.Tail()
	l.plan.offset = s.Offset + int64(len(bytes))
	l.space.end.Store(l.plan.offset)
	return s
}

// takeNext makes the prepared file the one that groups are planned in.
func (s *space) takeNext() *segmentFile {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tail, s.next = s.next, nil
	return s.tail
}

// Write writes a sealed group at its place. The groups before it must have been
// written and synced. If Write fails, the log must not be written to again.
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

// Sync makes what was written durable. If it fails, what was written since the
// last one may or may not be there, and syncing again would tell nothing.
func (l *Log) Sync() error { return l.written.segment.file.Sync() }

// rollTo installs the prepared segment, then cuts the one before to its content.
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
