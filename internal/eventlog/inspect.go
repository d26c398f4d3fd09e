package eventlog

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/umadb-go/umadb/internal/vfs"
)

// Inspection is what was found in a log that may be corrupt. Repair and TruncateTail
// change the log, and inspect again only what they have written.
type Inspection struct {
	log     *Log
	known   DurableGroup
	copying *uint64         // index of the durable group in the file copyingName; nil if there is no file
	files   []inspectedFile // in the order of the segments
}

// DurableGroup is a group of a store that is known to have been durable.
type DurableGroup struct {
	Store StoreID
	Index uint64
}

// inspectedFile is an existing segment.
type inspectedFile struct {
	Inspected
	header *segmentHeader // nil if it is corrupt
}

// Inspected is a segment of an Inspection.
type Inspected struct {
	Name    string // the path
	Base    uint64
	Store   StoreID // zero if the header is missing or corrupt
	Size    int64
	Last    bool // no segment follows
	Missing bool // there is no file
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
	// Unreadable reports whether the disk could not read the whole file.
	Unreadable bool
	// Durable is the index of a group after the valid ones of the last segment that was
	// durable, 0 if none is known.
	Durable uint64
}

// Inspect reads all segments of a log that may be corrupt, and changes nothing. known may be
// zero. An error from interrupted, which is called before each read, ends this and the
// methods of the result.
func Inspect(dir vfs.Dir, known DurableGroup, interrupted func() error) (*Inspection, error) {
	i := &Inspection{log: &Log{dir: dir, options: Options{ReadOnly: true, Interrupted: interrupted}}, known: known}
	bases, err := i.log.list()
	if err == nil {
		i.copying, err = i.log.readCopying()
	}
	if err != nil {
		return nil, err
	}
	for n, base := range bases {
		i.files = append(i.files, inspectedFile{})
		if err := i.inspect(&i.files[n], base, n == len(bases)-1); err != nil {
			return nil, err
		}
	}
	return i, nil
}

// Segments returns all segments in order. Missing ones are among them as far as the ones
// that follow name them.
func (i *Inspection) Segments() []Inspected {
	var all []Inspected
	before := uint64(0)
	for _, file := range i.files {
		if h := file.header; h != nil && h.previous != before && h.previous != 0 {
			name := i.log.path(segmentName(h.previous))
			all = append(all, Inspected{Name: name, Base: h.previous, Missing: true, Corruption: &vfs.CorruptionError{File: name, What: "the file is missing"}})
		} else if n := len(all); n > 0 && h != nil {
			all[n-1].follow(h)
		}
		all = append(all, file.Inspected)
		before = file.Base
	}
	return all
}

// MissingEnd returns the segment that would follow the last one, which must be valid, or nil
// if none can follow.
func (i *Inspection) MissingEnd() *Inspected {
	last := &i.files[len(i.files)-1]
	end := last.End.Tail
	if end.Next == last.Base {
		return nil
	}
	name := i.log.path(segmentName(end.Next))
	return &Inspected{
		Name: name, Base: end.Next, Last: true, Missing: true, Later: Tail{Index: end.Index + 1},
		Corruption: &vfs.CorruptionError{File: name, What: "the file is missing"},
	}
}

// follow compares the end of a segment with the header of the next one.
func (s *Inspected) follow(next *segmentHeader) {
	if s.Corruption == nil && s.End.Tail != next.tail {
		s.Corruption = &vfs.CorruptionError{File: s.Name, Offset: s.End.Offset, What: fmt.Sprintf("it ends with group %d, and the next segment follows group %d", s.End.Tail.Index, next.tail.Index)}
	}
	if s.Corruption != nil && next.tail.Index > s.Later.Index {
		s.Later = next.tail // of groups that are lost
	}
}

// inspect reads one segment.
func (i *Inspection) inspect(file *inspectedFile, base uint64, last bool) error {
	found := &file.Inspected
	*file = inspectedFile{}
	*found = Inspected{Name: i.log.path(segmentName(base)), Base: base, Last: last}
	var readable salvager
	segment, err := openSegment(func(name string) (vfs.File, error) {
		f, err := i.log.dir.Open(name)
		readable.File = f
		return &readable, err
	}, found.Name, base)
	if errors.As(err, &found.Corruption) {
		if last {
			found.Durable = i.durable()
		}
		found.unreadable(&readable)
		return nil
	}
	if err != nil {
		return err
	}
	defer segment.file.Close()
	file.header, found.Store = &segment.header, segment.header.store
	s, err := i.log.scanner(segment)
	if err != nil {
		return err
	}
	found.Size = s.size
	err = s.skip()
	found.End = Point{Base: base, Offset: s.offset, Tail: s.tail}
	switch {
	case !errors.Is(err, errNoGroup):
	case last:
		found.Torn, err = i.classifyTail(s)
	default:
		err = s.checkSealedEnd()
	}
	if errors.As(err, &found.Corruption) {
		found.LaterGroups, found.Later, err = s.laterGroups()
	}
	if durable := i.durable(); last && durable > found.End.Tail.Index {
		found.Durable = durable
	}
	found.unreadable(&readable)
	return err
}

// unreadable notes what the disk could not read.
func (s *Inspected) unreadable(file *salvager) {
	if file.lost == nil {
		return
	}
	if s.Corruption == nil {
		s.Corruption = &vfs.CorruptionError{File: s.Name, Offset: file.at}
	}
	s.Torn, s.Unreadable = nil, true
	s.Corruption.What = strings.TrimPrefix(fmt.Sprintf("%s; the disk cannot read byte %d: %v", s.Corruption.What, file.at, file.lost), "; ")
}

// classifyTail inspects the bytes after the last valid group of the log, as recovery does.
// In addition, a torn write in the place of a group that was durable is corruption.
func (i *Inspection) classifyTail(s *scanner) (torn *Torn, err error) {
	if i.copying == nil {
		torn, err = s.classifyTail()
	} else {
		torn, err = s.classifyCopy(0)
	}
	if durable := i.durable(); err == nil && torn != nil && s.tail.Index < durable {
		return nil, s.corruption(s.offset, "group %d is corrupt, although group %d was durable", s.tail.Index+1, durable)
	}
	return torn, err
}

// durable returns the index of a group that was durable, or 0 if none is known.
func (i *Inspection) durable() (index uint64) {
	if i.copying != nil {
		index = *i.copying
	}
	for _, file := range i.files {
		if file.Store == i.known.Store {
			index = max(index, i.known.Index)
		}
	}
	return index
}

// inspectAgain reads a segment that was written.
func (i *Inspection) inspectAgain(base uint64) error {
	n, found := slices.BinarySearchFunc(i.files, base, func(f inspectedFile, base uint64) int { return cmp.Compare(f.Base, base) })
	if !found { // it was missing
		i.files = slices.Insert(i.files, n, inspectedFile{})
		if n > 0 {
			i.files[n-1].Last = false
		}
	}
	return i.inspect(&i.files[n], base, n == len(i.files)-1)
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
