package eventlog

import (
	"errors"
	"fmt"
	"math"

	"github.com/umadb-go/umadb/internal/vfs"
)

const (
	firstStep = 1 << 20
	lastStep  = 16 << 20
	// closingBytes is the room kept behind every group: for a mark, and for a
	// byte that tells an open segment from a closed one (see classifyTail).
	closingBytes = groupHeaderBytes + 1
	// prepareAhead is how far before a segment's end the next is prepared.
	prepareAhead = 2 * lastStep
)

// ErrSegmentFull is returned by Reserve when the open group cannot grow in its
// segment. It has to be sealed first.
var ErrSegmentFull = errors.New("the group cannot grow in this segment")

// ErrSegmentFailed is returned by Reserve and Prepare when the segment that is being
// written could not be made longer, for another reason than a lack of space. The
// content of its file is uncertain then, and the log must not be written again.
var ErrSegmentFailed = errors.New("the segment could not be made longer")

// Reserve makes room for the payload of the open group to grow from used to
// used+more bytes, and gives the offset in its segment at which the payload
// begins. With used 0 it decides where the group goes. Any error other than
// ErrSegmentFull and ErrSegmentFailed harms nothing: there is no space, or no file
// could be made for the next segment, and Reserve may be tried again.
func (l *Log) Reserve(used, more int) (payloadAt int64, err error) {
	if l.plan.tail.Next > maxNumber-math.MaxUint32 { // the most events of a group
		return 0, errors.New("the log has no positions left")
	}
	size := int64(groupHeaderBytes + used + more)
	if used == 0 {
		// A segment is named by its first position, so one that holds no event
		// yet cannot be followed by another.
		l.plan.roll = l.plan.offset+size > l.options.SegmentBytes && l.plan.tail.Next > l.plan.base
	}
	at := l.plan.offset
	if l.plan.roll {
		at = segmentHeaderBytes
	}
	if used > 0 && at+size > l.options.SegmentBytes {
		return 0, ErrSegmentFull
	}
	return at + groupHeaderBytes, l.space.ensure(l, l.plan.roll, at+size+closingBytes)
}

// Rolling tells whether the open group begins a new segment.
func (l *Log) Rolling() bool { return l.plan.roll }

// ensure makes space up to end in the file that groups are planned in, or in
// the next one.
func (s *space) ensure(l *Log, next bool, end int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.tail
	if next {
		if err := s.prepareNext(l); err != nil {
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

// tailError adds ErrSegmentFailed to an error of making the segment longer that is
// being written, unless the error is a lack of space or of file descriptors.
func tailError(err error) error {
	if err == nil || vfs.IsFull(err) || vfs.IsTooManyFiles(err) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrSegmentFailed, err)
}

// grow allocates up to end, and one step further: not past the segment's limit,
// unless the content is past it already.
func (f *segmentFile) grow(end, limit int64) error {
	have := f.allocated.Load()
	step := min(max(have, firstStep), lastStep)
	want := max(end, min(have+step, limit+closingBytes))
	if end > limit+closingBytes {
		want = max(end, have+step)
	}
	err := f.Allocate(have, want-have)
	if vfs.IsFull(err) && want > end && end > have {
		want = end // there may be room for this much
		err = f.Allocate(have, want-have)
	}
	if err != nil {
		return err
	}
	f.allocated.Store(want)
	return nil
}

func (s *space) prepareNext(l *Log) error {
	if s.next != nil {
		return nil
	}
	next, err := l.prepare()
	if err != nil {
		return err
	}
	if err := next.grow(segmentHeaderBytes+closingBytes, l.options.SegmentBytes); err != nil {
		return errors.Join(err, next.Close(), l.dir.Remove(next.name))
	}
	s.next = next
	return nil
}

// Preallocate makes space ahead of need, if that is due, so that Reserve does not
// have to. It may run beside everything else.
func (l *Log) Preallocate() error {
	s := &l.space
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := l.options.SegmentBytes
	have, end := s.tail.allocated.Load(), s.end.Load()
	if have < limit && have-end < min(have, lastStep)/2 {
		if err := s.tail.grow(min(have+1, limit), limit); err != nil {
			return tailError(err)
		}
	}
	if end+prepareAhead > limit && end > limit/2 {
		return s.prepareNext(l)
	}
	return nil
}
