package backup

import (
	"bufio"
	"errors"
	"io"
	"iter"
	"os"

	"github.com/umadb-go/umadb/internal/eventlog"
)

// spool is a temporary file with consecutive groups of a segment.
type spool struct {
	file   *os.File
	writer *bufio.Writer
	size   int64
	from   uint64           // index of the last group before the first one
	marks  map[uint64]int64 // offset of the end of a group, by its index
	name   string           // empty if the file was removed
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
	s.size, s.from, s.marks = 0, after.Index, map[uint64]int64{after.Index: 0}
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

// addAll adds groups up to the one with an index.
func (s *spool) addAll(groups iter.Seq2[eventlog.Group, error], last uint64) error {
	for g, err := range groups {
		if err == nil && g.Index > last {
			return nil
		}
		if err == nil {
			err = asError(s.add(&g), "writing a temporary file")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// append adds all groups of another file.
func (s *spool) append(other *spool) error {
	content, err := other.section(other.from, other.size)
	if err != nil {
		return err
	}
	for index, offset := range other.marks {
		s.marks[index] = s.size + offset
	}
	n, err := io.Copy(s.writer, content)
	s.size += n
	return err
}

// mark notes that the group at the end has this index.
func (s *spool) mark(index uint64) { s.marks[index] = s.size }

// after returns the bytes after a marked group, or after the one before the first.
func (s *spool) after(index uint64) (*io.SectionReader, error) { return s.section(index, s.size) }

// between returns the bytes after a marked group up to the end of another one.
func (s *spool) between(index, last uint64) (*io.SectionReader, error) {
	end, marked := s.marks[last]
	if !marked {
		return nil, errNotMarked
	}
	return s.section(index, end)
}

func (s *spool) section(index uint64, end int64) (*io.SectionReader, error) {
	start, marked := s.marks[index]
	if !marked {
		return nil, errNotMarked
	}
	if err := s.writer.Flush(); err != nil {
		return nil, err
	}
	return io.NewSectionReader(s.file, start, end-start), nil
}

// errNotMarked is returned for the bytes after a group whose offset is unknown.
var errNotMarked = errors.New("no group is known to end there")

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
