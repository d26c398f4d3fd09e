package eventlog

import (
	"errors"
	"fmt"
	"math"

	"github.com/umadb-go/umadb/internal/vfs"
)

const (
	minGrowth = 1 << 20
	maxGrowth = 16 << 20
	// paddingBytes is the allocated space after every group of an open segment: the
	// size of a clean-close record, and one byte by which an open segment is longer
	// than a closed one (see endsWithCorruptClose).
	paddingBytes = groupHeaderBytes + 1
	// nextAhead is how many bytes before a segment's end the next segment is
	// preallocated.
	nextAhead = 2 * maxGrowth
)

// ErrSegmentFull is returned by Reserve if the open group cannot grow in its
// segment. It must be sealed first.
var ErrSegmentFull = errors.New("the group cannot grow in this segment")

// ErrSegmentFailed is returned by Reserve and Preallocate if the segment being written
// cannot be extended for a reason other than a lack of space or file descriptors.
// The content of its file is then unknown, and the log must not be written again.
var ErrSegmentFailed = errors.New("the segment could not be extended")

// Reserve allocates space for the payload of the open group to grow from used to
// used+more bytes. It returns the offset of the payload in its segment. A call with
// used 0 decides where the group goes. Any error except ErrSegmentFull and
// ErrSegmentFailed changes nothing, and Reserve may be called again: there is no space,
// or the next segment cannot be created.
func (l *Log) Reserve(used, more int) (payloadAt int64, err error) {
	if l.plan.tail.Next > maxNumber-math.MaxUint32 { // a group has at most MaxUint32 events
		return 0, errors.New("the log has no positions left")
	}
	size := int64(groupHeaderBytes + used + more)
	if used == 0 {
		// A segment is named by its first position. If this one contains no event
		// yet, the next one would have the same name.
		l.plan.roll = l.plan.offset+size > l.options.SegmentBytes && l.plan.tail.Next > l.plan.base
	}
	at := l.plan.offset
	if l.plan.roll {
		at = segmentHeaderBytes
	}
	if used > 0 && at+size > l.options.SegmentBytes {
		return 0, ErrSegmentFull
	}
	return at + groupHeaderBytes, l.space.ensure(l, l.plan.roll, at+size+paddingBytes)
}

// Rolling reports whether the open group starts a new segment.
func (l *Log) Rolling() bool { return l.plan.roll }

// ensure allocates space up to end in the file that groups are planned in, or in the
// next segment.
func (s *space) ensure(l *Log, next bool, end int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.tail
	if next {
		if err := s.preallocateNext(l); err != nil {
			return err
		}
		f = s.next
	}
	if f.allocated.Load() >= end {
		return nil
	}
	err := f.grow(end, l.options.SegmentBytes)
	if f == s.tail {
		err = tailError(err)
	}
	return err
}

// tailError adds ErrSegmentFailed to an error of extending the segment being written,
// unless the error is a lack of space or file descriptors.
func tailError(err error) error {
	if err == nil || vfs.IsFull(err) || vfs.IsTooManyFiles(err) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrSegmentFailed, err)
}

// grow allocates at least up to end. It doubles the file, by minGrowth to maxGrowth
// bytes, but does not exceed the segment's limit unless end does.
func (f *segmentFile) grow(end, limit int64) error {
	have := f.allocated.Load()
	step := min(max(have, minGrowth), maxGrowth)
	want := max(end, min(have+step, limit+paddingBytes))
	if end > limit+paddingBytes {
		want = max(end, have+step)
	}
	err := f.Allocate(have, want-have)
	if vfs.IsFull(err) && want > end && end > have {
		want = end // this much may still fit
		err = f.Allocate(have, want-have)
	}
	if err != nil {
		return err
	}
	f.allocated.Store(want)
	return nil
}

func (s *space) preallocateNext(l *Log) error {
	if s.next != nil {
		return nil
	}
	next, err := l.createNext()
	if err != nil {
		return err
	}
	if err := next.grow(segmentHeaderBytes+paddingBytes, l.options.SegmentBytes); err != nil {
		return errors.Join(err, next.Close(), l.dir.Remove(next.name))
	}
	s.next = next
	return nil
}

// Preallocate allocates space before Reserve needs it, if little is left. It may run
// concurrently with all methods but Close.
func (l *Log) Preallocate() error {
	s := &l.space
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := l.options.SegmentBytes
	have, end := s.tail.allocated.Load(), s.end.Load()
	if have < limit && have-end < min(have, maxGrowth)/2 {
		if err := s.tail.grow(min(have+1, limit), limit); err != nil {
			return tailError(err)
		}
	}
	if end+nextAhead > limit && end > limit/2 {
		return s.preallocateNext(l)
	}
	return nil
}
