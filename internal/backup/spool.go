package backup

import (
	"bufio"
	"errors"
	"io"
	"os"

	"github.com/umadb-go/umadb/internal/eventlog"
)

// spool is a temporary file with consecutive groups of a segment.
type spool struct {
	file   *os.File
	writer *bufio.Writer
	size   int64
	from   uint64 // index of the last group before the first one
	marked uint64 // index of a group
	offset int64  // of the end of that group
	name   string // empty if the file was removed
}

// newSpool creates a file for the groups after one.
func newSpool(after eventlog.Tail) (*spool, error) {
	f, err := os.CreateTemp("", "umadb-backup-*")
	if err != nil {
		return nil, err
	}
	s := &spool{file: f, writer: bufio.NewWriterSize(f, 256<<10)}
	// On most systems an open file can be removed, so that it does not outlive the process.
	if os.Remove(f.Name()) != nil {
		s.name = f.Name()
	}
	s.start(after)
	return s, nil
}

func (s *spool) start(after eventlog.Tail) {
	s.size, s.from = 0, after.Index
	s.mark(after.Index)
}

// add adds the next group.
func (s *spool) add(g *eventlog.Group) error {
	for _, b := range [][]byte{g.SegmentHeader, g.Header, g.Payload} {
		n, err := s.writer.Write(b)
		s.size += int64(n)
		if err != nil {
			return err
		}
	}
	return nil
}

// append adds all groups of another file.
func (s *spool) append(other *spool) error {
	content, err := other.after(other.from)
	if err != nil {
		return err
	}
	s.marked, s.offset = other.marked, s.size+other.offset
	n, err := io.Copy(s.writer, content)
	s.size += n
	return err
}

// mark notes that the group at the end has this index.
func (s *spool) mark(index uint64) { s.marked, s.offset = index, s.size }

// after returns the bytes after a group: the marked one, or the one before the first.
func (s *spool) after(index uint64) (*io.SectionReader, error) {
	if err := s.writer.Flush(); err != nil {
		return nil, err
	}
	offset := int64(0)
	switch index {
	case s.from:
	case s.marked:
		offset = s.offset
	default:
		return nil, errors.New("no group ends there")
	}
	return io.NewSectionReader(s.file, offset, s.size-offset), nil
}

// reset empties the file for the groups after one.
func (s *spool) reset(after eventlog.Tail) error {
	s.writer.Reset(s.file)
	if err := s.file.Truncate(0); err != nil {
		return err
	}
	_, err := s.file.Seek(0, io.SeekStart)
	s.start(after)
	return err
}

// close removes the file.
func (s *spool) close() error {
	err := s.file.Close()
	if s.name != "" {
		err = errors.Join(err, os.Remove(s.name))
	}
	return err
}
