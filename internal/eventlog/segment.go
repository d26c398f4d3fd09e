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
	// The name of a segment that is being prepared has a number between these.
	preparedPrefix = "next-"
	preparedSuffix = ".tmp"
)

// Segment is one file of the log. It is immutable but for the file's end.
type Segment struct {
	Name   string // the path
	Base   uint64 // the first position, which names the file
	header segmentHeader
	file   *segmentFile
}

// segmentFile is an open segment with the space that it has.
type segmentFile struct {
	vfs.File
	name      string       // in the directory, until it becomes a segment
	allocated atomic.Int64 // bytes that can be written without needing space
}

// ReadAt reads bytes of the segment whole, or fails.
func (s *Segment) ReadAt(p []byte, offset int64) error {
	n, err := s.file.ReadAt(p, offset)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return &vfs.CorruptionError{File: s.Name, Offset: offset, What: fmt.Sprintf("the file ends within %d bytes to be read", len(p))}
	}
	return err
}

// Size returns the length of the segment's file.
func (s *Segment) Size() (int64, error) { return s.file.Size() }

func segmentName(base uint64) string { return fmt.Sprintf("%020d%s", base, segmentSuffix) }

// parseSegmentName gives the base of a segment's file name.
func parseSegmentName(name string) (uint64, bool) {
	digits, found := strings.CutSuffix(name, segmentSuffix)
	if !found || len(digits) != 20 {
		return 0, false
	}
	base, err := strconv.ParseUint(digits, 10, 64)
	return base, err == nil
}

// openSegment opens a segment and reads its header. Messages contain name. open is
// Dir.Open or Dir.OpenWrite.
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
	if errors.Is(err, ErrVersion) {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
	}
	if err == nil && header.tail.Next != base {
		err = fmt.Errorf("its header is for position %d", header.tail.Next)
	}
	if err != nil {
		return nil, errors.Join(&vfs.CorruptionError{File: name, What: err.Error()}, f.Close())
	}
	return &Segment{Name: name, Base: base, header: header, file: &segmentFile{File: f}}, nil
}

// scanner returns a scanner that begins at the first group of a segment.
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
