package eventlog

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Torn describes what a crash left of a commit that was never acknowledged, and
// that recovery cut.
type Torn struct {
	File     string
	From, To int64  // the bytes cut; To is behind the last that was not zero
	Position uint64 // the first position that the commit would have had
}

func (t *Torn) String() string {
	return fmt.Sprintf("%s: bytes %d to %d, from position %d on", t.File, t.From, t.To, t.Position)
}

// recovered is what is sound in a last segment.
type recovered struct {
	end  int64  // behind the last sound group
	tail Tail   // behind the last sound group
	last *group // the last sound group with a copy of its bytes; nil if none
	torn *Torn  // what lies behind, if it is not zeros
}

// unmarked tells whether a file of some size, although no mark ends it, has less
// room behind its end than one that is being written.
func (r *recovered) unmarked(size int64) bool {
	return size < r.end+closingBytes && r.last != nil && r.last.Kind != KindClose
}

// recoverSegment reads a last segment forward from the scanner's offset. It
// writes nothing. Behind the last sound group there may be zeros, or what a
// crash tore; damage with a sound group behind it, and damage where a mark was,
// are errors, with what is sound before it.
func recoverSegment(s *scanner) (recovered, error) {
	var r recovered
	var last group
	for {
		g, err := s.next()
		r.end, r.tail = s.offset, s.tail
		if errors.Is(err, errTail) {
			break
		}
		if err != nil {
			return r, err
		}
		last = g
	}
	if last.Index != 0 {
		if err := s.copyGroup(&last); err != nil {
			return r, err
		}
		r.last = &last
	}
	torn, err := s.classifyTail()
	r.torn = torn
	return r, err
}

// copyGroup reads a group again, into bytes of its own.
func (s *scanner) copyGroup(g *group) error {
	whole, err := s.peek(g.offset, groupHeaderBytes+int64(g.PayloadBytes))
	if err != nil {
		return err
	}
	whole = append([]byte(nil), whole...)
	g.header, g.payload = whole[:groupHeaderBytes], whole[groupHeaderBytes:]
	return nil
}

// classifyTail looks at what lies behind the last sound group: nil for nothing
// or zeros, what was torn, or a *vfs.CorruptionError.
func (s *scanner) classifyTail() (*Torn, error) {
	end, err := s.lastNonZero()
	if err != nil || end <= s.offset {
		return nil, err
	}
	marked, err := s.endedWithMark()
	if err != nil {
		return nil, err
	}
	if marked {
		return nil, s.damage(s.offset, "the mark that closing wrote is damaged, though the groups before it are sound")
	}
	found, err := s.findGroup(s.offset+1, end)
	if err != nil {
		return nil, err
	}
	if found >= 0 {
		return nil, s.damage(s.offset, "damaged, with a sound group behind it at byte %d", found)
	}
	return &Torn{File: s.name, From: s.offset, To: end, Position: s.tail.Next}, nil
}

// endedWithMark tells whether the damage is what was a mark. Closing leaves a
// file that ends right behind its mark, and a file that is being written always
// has more room: Reserve and recovery see to it. If a crash kept that room from
// the disk and the file ends behind a header all the same, then that header is
// sound: it is not torn in itself, for it ends with a sector.
func (s *scanner) endedWithMark() (bool, error) {
	if s.size != s.offset+groupHeaderBytes {
		return false, nil
	}
	header, err := s.peek(s.offset, groupHeaderBytes)
	if err != nil {
		return false, err
	}
	_, sound := decodeGroupHeader(header, s.id)
	return !sound, nil
}

// lastNonZero gives the offset behind the last byte from the scanner's offset on
// that is not zero, or the scanner's offset.
func (s *scanner) lastNonZero() (int64, error) {
	end := s.offset
	for at := s.offset; at < s.size; {
		n := min(scanWindow, s.size-at)
		b, err := s.peek(at, n)
		if errors.Is(err, errTail) {
			continue // the file was cut meanwhile; the size is known now
		}
		if err != nil {
			return 0, err
		}
		for i := len(b) - 1; i >= 0; i-- {
			if b[i] != 0 {
				end = at + int64(i) + 1
				break
			}
		}
		at += n
	}
	return end, nil
}

// findGroup looks at every byte of a range for the header of a sound group of
// this store that could come later in the log, and gives its offset or -1.
func (s *scanner) findGroup(from, to int64) (int64, error) {
	for at := from; at < to && at+groupHeaderBytes <= s.size; at++ {
		b, err := s.peek(at, groupHeaderBytes)
		if err != nil {
			return -1, err
		}
		if !plausible(b) {
			continue
		}
		h, sound := decodeGroupHeader(b, s.id)
		if sound && h.Index > s.tail.Index && h.First >= s.tail.Next {
			return at, nil
		}
	}
	return -1, nil
}

// plausible looks at the bytes of a header that have few values, before the
// dearer checksum.
func plausible(b []byte) bool {
	return (b[8] == byte(KindRecords) || b[8] == byte(KindClose)) &&
		b[9]|b[10]|b[11] == 0 &&
		binary.LittleEndian.Uint32(b[52:]) == 0 &&
		binary.LittleEndian.Uint64(b[16:]) == standaloneTerm
}
