package eventlog

import (
	"errors"
	"fmt"

	"github.com/umadb-go/umadb/internal/vfs"
)

// Inspected is a segment as Inspect has found it.
type Inspected struct {
	Name  string // the path
	Base  uint64
	Store StoreID // zero if the header is missing or corrupt
	Size  int64
	Last  bool // no segment follows
	// End is the point after the last valid group before any corruption. Its Offset is 0 if the
	// header of the segment is missing or corrupt.
	End Point
	// Corruption is nil if the segment is valid or has only a torn write at its end.
	Corruption *vfs.CorruptionError
	Torn       *Torn
	// LaterGroups is the number of valid groups after the corruption, and Later the state of
	// the log after the last of them.
	LaterGroups uint64
	Later       Tail
}

// Inspect reads all segments of a log that may be corrupt, and changes nothing. Missing
// segments are reported as far as the ones that follow name them.
func Inspect(dir vfs.Dir) ([]Inspected, error) {
	l := &Log{dir: dir, options: Options{ReadOnly: true}}
	bases, err := l.list()
	if err != nil {
		return nil, err
	}
	if durable, err := l.readCopying(); err != nil || durable != nil {
		return nil, errors.Join(err, errors.New("the log is a copy that was being written: open it, or make the copy again"))
	}
	var all []Inspected
	for i, base := range bases {
		found, header, err := l.inspect(base, i == len(bases)-1)
		if err != nil {
			return nil, err
		}
		before := uint64(0)
		if i > 0 {
			before = bases[i-1]
		}
		if header != nil && header.previous != before && header.previous != 0 {
			name := l.path(segmentName(header.previous))
			all = append(all, Inspected{Name: name, Base: header.previous, Corruption: &vfs.CorruptionError{File: name, What: "the file is missing"}})
		} else if n := len(all); n > 0 && header != nil {
			all[n-1].follow(header)
		}
		all = append(all, found)
	}
	return all, nil
}

// follow compares the end of a segment with the header of the next one.
func (i *Inspected) follow(next *segmentHeader) {
	if i.Corruption == nil && i.End.Tail != next.tail {
		i.Corruption = &vfs.CorruptionError{File: i.Name, Offset: i.End.Offset, What: fmt.Sprintf("it ends with group %d, and the next segment follows group %d", i.End.Tail.Index, next.tail.Index)}
	}
	if i.Corruption != nil && next.tail.Index > i.Later.Index {
		i.Later = next.tail // of groups that are lost
	}
}

// inspect reads one segment. The header is nil if it is corrupt.
func (l *Log) inspect(base uint64, last bool) (found Inspected, header *segmentHeader, err error) {
	found = Inspected{Name: l.path(segmentName(base)), Base: base, Last: last}
	segment, err := openSegment(l.dir.Open, found.Name, base)
	if errors.As(err, &found.Corruption) {
		return found, nil, nil
	}
	if err != nil {
		return found, nil, err
	}
	defer segment.file.Close()
	s, err := l.scanner(segment)
	if err != nil {
		return found, nil, err
	}
	found.Store, found.Size = segment.header.store, s.size
	err = s.skip()
	found.End = Point{Base: base, Offset: s.offset, Tail: s.tail}
	if errors.Is(err, errNoGroup) {
		if err = s.checkSealedEnd(); last {
			found.Torn, err = s.classifyTail()
		}
	}
	if errors.As(err, &found.Corruption) {
		found.LaterGroups, found.Later, err = s.laterGroups()
	}
	return found, &segment.header, err
}

// skip reads groups until an error.
func (s *scanner) skip() error {
	for {
		if _, err := s.next(); err != nil {
			return err
		}
	}
}

// laterGroups counts the valid groups after the scanner's offset, which need not follow one
// another. later is the state of the log after the last of them.
func (s *scanner) laterGroups() (n uint64, later Tail, err error) {
	for at := s.offset; ; {
		if at, err = s.findGroup(at, s.size); err != nil || at < 0 {
			return n, later, err
		}
		header, err := s.peek(at, groupHeaderBytes)
		if err != nil {
			return n, later, err
		}
		h, _ := decodeGroupHeader(header, s.id)
		whole, err := s.peek(at, groupHeaderBytes+int64(h.PayloadBytes))
		if errors.Is(err, errNoGroup) || err == nil && Checksum(whole[groupHeaderBytes:]) != h.PayloadCRC {
			at++
			continue
		}
		if err != nil {
			return n, later, err
		}
		n++
		if h.Index > later.Index {
			later = h.Tail()
		}
		at += int64(len(whole))
	}
}
