package eventlog

import (
	"errors"
	"fmt"
	"io"

	"github.com/umadb-go/umadb/internal/vfs"
)

// scanWindow is how much a scanner reads at a time.
const scanWindow = 1 << 20

// errTail is what a scanner ends with where no sound group lies: at the end of
// what was written, or at damage. classifyTail tells which.
var errTail = errors.New("no sound group here")

// scanner reads the groups of one segment forward and verifies each: both
// checksums, and that it follows the one before.
type scanner struct {
	r    io.ReaderAt
	size int64
	name string
	id   StoreID
	// interrupted is called before each read, and ends the scan if it returns an
	// error; may be nil.
	interrupted func() error

	tail   Tail  // behind the last group read
	offset int64 // of the next group

	window   []byte // bytes of the file from windowAt
	windowAt int64
}

// group is a group as a scanner finds it. The payload is valid until the next.
type group struct {
	GroupHeader
	offset  int64
	header  []byte // as on disk
	payload []byte
}

// next reads the group at the scanner's offset. The error is errTail where none
// can be read, *vfs.CorruptionError where a sound one is out of place, or the disk's.
func (s *scanner) next() (g group, err error) {
	header, err := s.peek(s.offset, groupHeaderBytes)
	if err != nil {
		return g, err
	}
	h, sound := decodeGroupHeader(header, s.id)
	if !sound {
		return g, errTail
	}
	if why := h.follows(header, s.tail); why != "" {
		return g, s.damage(s.offset, "%s", why)
	}
	// One peek for both: a second could move the window under the first.
	whole, err := s.peek(s.offset, groupHeaderBytes+int64(h.PayloadBytes))
	if err != nil {
		return g, err
	}
	g = group{GroupHeader: h, offset: s.offset, header: whole[:groupHeaderBytes], payload: whole[groupHeaderBytes:]}
	if Checksum(g.payload) != h.PayloadCRC {
		return group{}, errTail
	}
	s.offset += int64(len(whole))
	s.tail = h.Tail()
	return g, nil
}

func (s *scanner) damage(offset int64, format string, args ...any) error {
	return &vfs.CorruptionError{File: s.name, Offset: offset, What: fmt.Sprintf(format, args...)}
}

// peek gives n bytes at offset, or errTail if the file ends before. They are
// valid until the next peek.
func (s *scanner) peek(offset, n int64) ([]byte, error) {
	if offset+n > s.size {
		return nil, errTail
	}
	if offset < s.windowAt || offset+n > s.windowAt+int64(len(s.window)) {
		if err := s.load(offset, n); err != nil {
			return nil, err
		}
	}
	from := offset - s.windowAt
	return s.window[from : from+n], nil
}

func (s *scanner) load(offset, n int64) error {
	if s.interrupted != nil {
		if err := s.interrupted(); err != nil {
			return err
		}
	}
	want := min(max(n, scanWindow), s.size-offset)
	if int64(cap(s.window)) < want {
		s.window = make([]byte, want)
	}
	s.window, s.windowAt = s.window[:want], offset
	read, err := s.r.ReadAt(s.window, offset)
	s.window = s.window[:read]
	switch {
	case int64(read) == want:
		return nil
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("reading %s at byte %d: %w", s.name, offset, err)
	}
	// The file was cut since its size was taken: rolling does that, behind
	// the last group.
	s.size = offset + int64(read)
	if int64(read) < n {
		return errTail
	}
	return nil
}
