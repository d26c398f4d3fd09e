package eventlog

import (
	"errors"
	"fmt"
	"io"

	"github.com/umadb-go/umadb/internal/vfs"
)

// Keep copies a segment from an offset on into another directory, durably, and returns the
// name of the file there. It never replaces a file.
func (i *Inspection) Keep(segment *Inspected, from int64, into vfs.Dir) (name string, bytes int64, err error) {
	names, err := into.List()
	if err != nil {
		return "", 0, err
	}
	source, err := i.log.dir.Open(segmentName(segment.Base))
	if err != nil {
		return "", 0, err
	}
	defer source.Close()
	name = unusedName(names, fmt.Sprintf("%s-%d", segmentName(segment.Base), from))
	file, err := vfs.CreateFile(into, name+nextSuffix, name, func(f vfs.File) error {
		bytes, err = i.copyReadable(f, source, from)
		return err
	})
	if err != nil {
		return "", 0, err
	}
	return name, bytes, file.Close()
}

// unusedName returns a name, with a number after it if the name exists.
func unusedName(names []string, name string) string {
	exists := map[string]bool{}
	for _, n := range names {
		exists[n] = true
	}
	free := name
	for i := 2; exists[free]; i++ {
		free = fmt.Sprintf("%s-%d", name, i)
	}
	return free
}

// copyReadable copies a file from an offset on, to the start of another one. What the disk
// cannot read is copied as zeros.
func (i *Inspection) copyReadable(to io.WriterAt, from vfs.File, offset int64) (bytes int64, err error) {
	size, err := from.Size()
	if err != nil {
		return 0, err
	}
	readable := salvager{File: from}
	window := make([]byte, scanWindow)
	for at := offset; at < size; {
		if err := i.log.options.Interrupted(); err != nil {
			return at - offset, err
		}
		part := window[:min(int64(len(window)), size-at)]
		n, err := readable.ReadAt(part, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return at - offset, err
		}
		if n == 0 {
			return at - offset, io.ErrUnexpectedEOF
		}
		if _, err := to.WriteAt(part[:n], at-offset); err != nil {
			return at - offset, err
		}
		at += int64(n)
	}
	return max(size-offset, 0), nil
}

// salvageBytes is the unit of what cannot be read.
const salvageBytes = 4096

// salvager reads a file, in which zeros take the place of what the disk cannot read.
type salvager struct {
	vfs.File
	lost error // the first error of the disk; nil if everything was read
	at   int64 // the offset of that
}

// ReadAt implements io.ReaderAt. Its only error is io.EOF.
func (s *salvager) ReadAt(b []byte, offset int64) (n int, err error) {
	n, err = s.File.ReadAt(b, offset)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	size, err := s.File.Size()
	if err != nil {
		return 0, err
	}
	all := b[:max(0, min(int64(len(b)), size-offset))]
	for n = 0; n < len(all); {
		part := all[n:min(n+salvageBytes, len(all))]
		if _, err := s.File.ReadAt(part, offset+int64(n)); err != nil {
			clear(part)
			if s.lost == nil {
				s.lost, s.at = err, offset+int64(n)
			}
		}
		n += len(part)
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}
