package eventlog

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

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

// space is the disk space that is allocated before it is needed.
type space struct {
	mu    sync.Mutex
	tail  *segmentFile // the file that groups are planned in; guarded by mu
	next  *segmentFile // the preallocated next segment, or nil; guarded by mu
	end   atomic.Int64 // one past the last planned group in tail
	bytes atomic.Int64 // allocated in all files of the log
}

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
	err := l.grow(f, end)
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
// bytes, but does not exceed the segment's limit unless end does. The caller must hold
// space.mu.
func (l *Log) grow(f *segmentFile, end int64) error {
	have, limit := f.allocated.Load(), l.options.SegmentBytes
	step := min(max(have, minGrowth), maxGrowth)
	want := max(end, min(have+step, limit+paddingBytes))
	if end > limit+paddingBytes {
		want = max(end, have+step)
	}
	err := l.allocate(f, have, want)
	if vfs.IsFull(err) && want > end && end > have {
		want = end // this much may still fit
		err = l.allocate(f, have, want)
	}
	if err != nil {
		return err
	}
	l.setAllocated(f, want)
	return nil
}

// allocate allocates the bytes of a file between two offsets, if Options.MayGrow permits.
func (l *Log) allocate(f *segmentFile, from, to int64) error {
	if may := l.options.MayGrow; may != nil {
		unused := l.space.tail.allocated.Load() - l.space.end.Load()
		if err := may(max(unused, 0), to-from); err != nil {
			return err
		}
	}
	return f.Allocate(from, to-from)
}

// setAllocated records the space that is allocated for a file.
func (l *Log) setAllocated(f *segmentFile, bytes int64) {
	l.space.bytes.Add(bytes - f.allocated.Swap(bytes))
}

func (s *space) preallocateNext(l *Log) error {
	if s.next != nil {
		return nil
	}
	next, err := l.createNext()
	if err != nil {
		return err
	}
	if err := l.grow(next, segmentHeaderBytes+paddingBytes); err != nil {
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
	tail, next := s.little(limit)
	if tail {
		if err := l.grow(s.tail, min(s.tail.allocated.Load()+1, limit)); err != nil {
			return tailError(err)
		}
	}
	if next {
		return s.preallocateNext(l)
	}
	return nil
}

// NeedsSpace reports whether Preallocate has to allocate anything. It does not wait: while
// Preallocate runs, it reports false.
func (l *Log) NeedsSpace() bool {
	if !l.space.mu.TryLock() {
		return false
	}
	defer l.space.mu.Unlock()
	tail, next := l.space.little(l.options.SegmentBytes)
	return tail || next
}

// little reports whether little space is left in the tail, and whether the next segment is
// needed soon. The caller must hold mu.
func (s *space) little(limit int64) (tail, next bool) {
	have, end := s.tail.allocated.Load(), s.end.Load()
	tail = have < limit && have-end < min(have, maxGrowth)/2
	next = s.next == nil && end+nextAhead > limit && end > limit/2
	return tail, next
}

// takeNext makes the next segment the one that groups are planned in. It returns the file
// of the segment before and that of the next one.
func (s *space) takeNext() (full, next *segmentFile) {
	s.mu.Lock()
	defer s.mu.Unlock()
	full, next = s.tail, s.next
	s.tail, s.next = next, nil
	return full, next
}

// returnNext reverts takeNext. If another next segment was created since, it is removed.
func (s *space) returnNext(l *Log, full, next *segmentFile) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	extra := s.next
	s.tail, s.next = full, next
	if extra == nil {
		return nil
	}
	l.setAllocated(extra, 0)
	return errors.Join(extra.Close(), l.dir.Remove(extra.name))
}
