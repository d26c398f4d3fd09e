package eventlog

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Torn describes a torn write: what a crash left of a commit that was never
// acknowledged. Open truncates it, unless the log is opened read-only.
type Torn struct {
	File     string
	From, To int64  // the byte range; To is one past the last nonzero byte
	Position uint64 // the first position that the commit would have had
}

func (t *Torn) String() string {
	return fmt.Sprintf("%s: bytes %d to %d, from position %d on", t.File, t.From, t.To, t.Position)
}

// recovered describes the valid part of the last segment.
type recovered struct {
	end  int64  // one past the last valid group
	tail Tail   // after the last valid group
	last *group // the last valid group with a copy of its bytes; nil if none
	torn *Torn  // the torn write after end; nil if there are only zeros
	// durableEnd is one past the group that the file of a copy names as durable, or the
	// start of the segment.
	durableEnd int64
}

// needsPadding reports whether the log was not closed cleanly and its last file, of
// the given size, has less padding after the last group than paddingBytes.
func (r *recovered) needsPadding(size int64) bool {
	return size < r.end+paddingBytes && r.last != nil && r.last.Kind != KindClose
}

// recoverSegment reads the last segment forward from the scanner's offset and
// writes nothing. After the last valid group it accepts zeros and a torn write. It
// returns a *vfs.CorruptionError if a valid group follows the invalid bytes, or if
// the clean-close record is corrupt. With an error, the result describes the groups
// before it. For a copy that was being written, durable points to the index of a
// durable group (see copying.go); else it is nil.
func recoverSegment(s *scanner, durable *uint64) (recovered, error) {
	r := recovered{durableEnd: s.offset}
	var last group
	for {
		g, err := s.next()
		r.end, r.tail = s.offset, s.tail
		if errors.Is(err, errNoGroup) {
			break
		}
		if err != nil {
			return r, err
		}
		last = g
		if durable != nil && g.Index == *durable {
			r.durableEnd = s.offset
		}
	}
	if last.Index != 0 {
		if err := s.copyGroup(&last); err != nil {
			return r, err
		}
		r.last = &last
	}
	var err error
	if durable != nil {
		r.torn, err = s.classifyCopy(*durable)
	} else {
		r.torn, err = s.classifyTail()
	}
	return r, err
}

// copyGroup reads a group again, into memory that the scanner does not reuse.
func (s *scanner) copyGroup(g *group) error {
	whole, err := s.peek(g.offset, groupHeaderBytes+int64(g.PayloadBytes))
	if err != nil {
		return err
	}
	whole = append([]byte(nil), whole...)
	g.header, g.payload = whole[:groupHeaderBytes], whole[groupHeaderBytes:]
	return nil
}

// classifyTail inspects the bytes after the last valid group. It returns nil if
// there are none or only zeros, a *Torn for a torn write, and a
// *vfs.CorruptionError for anything that a crash cannot explain.
func (s *scanner) classifyTail() (*Torn, error) {
	end, err := s.lastNonZero()
	if err != nil || end <= s.offset {
		return nil, err
	}
	closed, err := s.endsWithCorruptClose()
	if err != nil {
		return nil, err
	}
	if closed {
		return nil, s.corruption(s.offset, "the clean-close record is corrupt, but all groups before it are valid")
	}
	found, err := s.findGroup(s.offset+1, end)
	if err != nil {
		return nil, err
	}
	if found >= 0 {
		return nil, s.corruption(s.offset, "corrupt, but followed by a valid group at byte %d", found)
	}
	return &Torn{File: s.name, From: s.offset, To: end, Position: s.tail.Next}, nil
}

// endsWithCorruptClose reports whether the bytes after the last valid group are a
// corrupt clean-close record, as opposed to a torn write. The file's size decides:
// Close truncates the file to the end of its 64-byte record, whereas an open
// segment always has paddingBytes (65 bytes) or more after its last synced group,
// which Reserve and recovery ensure. So if exactly 64 bytes follow, the log was
// closed.
//
// The padding of a group becomes durable with the group's own sync, so a crash
// during that sync can lose the padding with a part of the group. If the file then
// ends exactly 64 bytes after the last valid group, it ends at a sector boundary.
// The header of the torn group is within that one sector, so it is valid, and the
// result is false.
func (s *scanner) endsWithCorruptClose() (bool, error) {
	if s.size != s.offset+groupHeaderBytes {
		return false, nil
	}
	header, err := s.peek(s.offset, groupHeaderBytes)
	if err != nil {
		return false, err
	}
	_, valid := decodeGroupHeader(header, s.id)
	return !valid, nil
}

// findGroup searches a byte range for the header of a group of this store that
// could come later in the log. It tries every offset, and returns the first match
// or -1.
func (s *scanner) findGroup(from, to int64) (int64, error) {
	for at := from; at < to && at+groupHeaderBytes <= s.size; at++ {
		b, err := s.peek(at, groupHeaderBytes)
		if err != nil {
			return -1, err
		}
		if !plausible(b) {
			continue
		}
		h, valid := decodeGroupHeader(b, s.id)
		if valid && h.Index > s.tail.Index && h.First >= s.tail.Next {
			return at, nil
		}
	}
	return -1, nil
}

// plausible checks the header fields that have few valid values, which is cheaper
// than the checksum.
func plausible(b []byte) bool {
	return (b[8] == byte(KindRecords) || b[8] == byte(KindClose)) &&
		b[9]|b[10]|b[11] == 0 &&
		binary.LittleEndian.Uint32(b[52:]) == 0 &&
		binary.LittleEndian.Uint64(b[16:]) == standaloneTerm
}
