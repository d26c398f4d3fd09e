package eventlog

import (
	"errors"
	"fmt"
	"io"

	"github.com/umadb-go/umadb/internal/vfs"
)

// scanWindow is how many bytes a scanner reads at a time.
const scanWindow = 1 << 20

// errNoGroup is returned by a scanner at an offset without a valid group: the end
// of what was written, a torn write, or corruption. classifyTail distinguishes
// them.
var errNoGroup = errors.New("no valid group at this offset")

// scanner reads the groups of one segment forward and verifies each: both
// checksums, and that it follows the group before it.
type scanner struct {
	r    io.ReaderAt
	size int64
	name string
	id   StoreID
	// interrupted is called before each read; an error from it ends the scan. It
	// may be nil.
	interrupted func() error

	tail   Tail  // after the last group read
	offset int64 // of the next group

	window   []byte // bytes of the file from windowAt
	windowAt int64
	ahead    int64 // bytes to read at a time, doubled up to scanWindow; 0 is scanWindow
}

// group is a group read by a scanner. The payload is valid until the next read.
type group struct {
	GroupHeader
	offset  int64
	header  []byte // as on disk
	payload []byte
}

// next reads the group at the scanner's offset. It returns errNoGroup if there is no
// valid group, a *vfs.CorruptionError if a valid group cannot follow the one before
// it, or the error of the read.
func (s *scanner) next() (g group, err error) {
	header, err := s.peek(s.offset, groupHeaderBytes)
	if err != nil {
		return g, err
	}
	h, valid := decodeGroupHeader(header, s.id)
	if !valid {
		return g, errNoGroup
	}
	if why := h.checkFollows(header, s.tail); why != "" {
		return g, s.corruption(s.offset, "%s", why)
	}
	// Peek header and payload together: a second peek could move the window and
	// invalidate the first.
	whole, err := s.peek(s.offset, groupHeaderBytes+int64(h.PayloadBytes))
	if err != nil {
		return g, err
	}
	g = group{GroupHeader: h, offset: s.offset, header: whole[:groupHeaderBytes], payload: whole[groupHeaderBytes:]}
	if Checksum(g.payload) != h.PayloadCRC {
		return group{}, errNoGroup
	}
	s.offset += int64(len(whole))
	s.tail = h.Tail()
	return g, nil
}

func (s *scanner) corruption(offset int64, format string, args ...any) error {
	return &vfs.CorruptionError{File: s.name, Offset: offset, What: fmt.Sprintf(format, args...)}
}

// lastNonZero returns the offset one past the last nonzero byte at or after the
// scanner's offset. If there is none, it returns the scanner's offset.
func (s *scanner) lastNonZero() (int64, error) {
	end := s.offset
	for at := s.offset; at < s.size; {
		n := min(scanWindow, s.size-at)
		b, err := s.peek(at, n)
		if errors.Is(err, errNoGroup) {
			continue // the file was truncated meanwhile, and s.size was updated
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

// checkSealedEnd returns an error unless only zeros follow the last group of a full
// segment. Rolling to the next segment truncates them, but a crash can undo that.
func (s *scanner) checkSealedEnd() error {
	end, err := s.lastNonZero()
	if err == nil && end > s.offset {
		err = s.corruption(s.offset, "group %d is corrupt", s.tail.Index+1)
	}
	return err
}

// peek returns n bytes at offset, or errNoGroup if the file ends before that. The
// bytes are valid until the next peek.
func (s *scanner) peek(offset, n int64) ([]byte, error) {
	if offset+n > s.size {
		return nil, errNoGroup
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
	ahead := int64(scanWindow)
	if s.ahead != 0 {
		ahead, s.ahead = s.ahead, min(2*s.ahead, scanWindow)
	}
	want := min(max(n, ahead), s.size-offset)
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
	// The file is shorter than when the scan started: rolling to the next segment
	// truncates it to the end of its last group.
	s.size = offset + int64(read)
	if int64(read) < n {
		return errNoGroup
	}
	return nil
}
