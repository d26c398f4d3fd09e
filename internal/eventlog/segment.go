package eventlog

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/umadb-go/umadb/internal/vfs"
)

const (
	segmentSuffix = ".log"
	// The name of a preallocated next segment has a number between these.
	nextPrefix = "next-"
	nextSuffix = ".tmp"
)

// Segment is one file of the log. Only the end of the last segment changes.
type Segment struct {
	Name   string // the path
	Base   uint64 // the first position, which is also in the file name
	header segmentHeader
	file   *segmentFile
}

// segmentFile is an open segment and the space allocated for it.
type segmentFile struct {
	vfs.File
	name      string       // in the directory, until the file becomes a segment
	allocated atomic.Int64 // bytes that can be written without needing more space
}

// ReadAt fills p with the bytes of the segment at offset, or returns an error.
func (s *Segment) ReadAt(p []byte, offset int64) error {
	n, err := s.file.ReadAt(p, offset)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return &vfs.CorruptionError{File: s.Name, Offset: offset, What: fmt.Sprintf("the file ends within the %d bytes to read", len(p))}
	}
	return err
}

// Size returns the length of the segment's file.
func (s *Segment) Size() (int64, error) { return s.file.Size() }

// DropCache advises the system to drop a range of the segment from its cache.
func (s *Segment) DropCache(offset, size int64) { s.file.DropCache(offset, size) }

func segmentName(base uint64) string { return fmt.Sprintf("%020d%s", base, segmentSuffix) }

// parseSegmentName returns the base in a segment's file name.
func parseSegmentName(name string) (uint64, bool) {
	digits, found := strings.CutSuffix(name, segmentSuffix)
	if !found || len(digits) != 20 {
		return 0, false
	}
	base, err := strconv.ParseUint(digits, 10, 64)
	return base, err == nil
}

// isNextName reports whether name is that of a preallocated next segment.
func isNextName(name string) bool {
	return strings.HasPrefix(name, nextPrefix) && strings.HasSuffix(name, nextSuffix)
}

// openSegment opens a segment and reads its header. Error messages contain name.
// open is Dir.Open or Dir.OpenWrite.
func openSegment(open func(string) (vfs.File, error), name string, base uint64) (*Segment, error) {
	f, err := open(segmentName(base))
	if err != nil {
		return nil, err
	}
	b := make([]byte, segmentHeaderBytes)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, f.Close())
	}
	header, err := decodeSegmentHeader(b[:n])
	if errors.Is(err, vfs.ErrVersion) {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
	}
	if err == nil && header.tail.Next != base {
		err = fmt.Errorf("the header is for position %d", header.tail.Next)
	}
	if err != nil {
		return nil, errors.Join(&vfs.CorruptionError{File: name, What: err.Error()}, f.Close())
	}
	size, err := f.Size()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	segment := &Segment{Name: name, Base: base, header: header, file: &segmentFile{File: f}}
	segment.file.allocated.Store(size)
	return segment, nil
}

// createNext creates the file of a next segment. Two such files can exist at a time,
// because the one before may not have been installed yet.
func (l *Log) createNext() (*segmentFile, error) {
	l.nextNumber++
	name := fmt.Sprintf("%s%d%s", nextPrefix, l.nextNumber, nextSuffix)
	f, err := l.dir.Create(name)
	if err != nil {
		return nil, err
	}
	return &segmentFile{File: f, name: name}, nil
}

// install turns a next file into a segment: write the header, sync, rename, sync the
// directory.
func (l *Log) install(f *segmentFile, header *segmentHeader) error {
	if _, err := f.WriteAt(header.encode(), 0); err != nil {
		return err
	}
	return vfs.Publish(l.dir, f, f.name, segmentName(header.tail.Next))
}

// scanner returns a scanner at the first group of a segment.
func (l *Log) scanner(s *Segment) (*scanner, error) {
	size, err := s.file.Size()
	if err != nil {
		return nil, err
	}
	return &scanner{
		r: s.file, size: size, name: s.Name, id: s.header.store, interrupted: l.options.Interrupted,
		tail: s.header.tail, offset: segmentHeaderBytes,
	}, nil
}
