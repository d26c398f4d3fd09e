package eventlog

import (
	"errors"
	"fmt"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/umadb-go/umadb/internal/vfs"
)

// Options configure a log.
type Options struct {
	// SegmentBytes is the size at which a segment is rolled. Default 256 MiB.
	SegmentBytes int64
	// NewID returns the identity of a new store; required unless ReadOnly.
	NewID func() (StoreID, error)
	// ReadOnly opens an existing log and never changes its files.
	ReadOnly bool
	// Interrupted is called by Open and Groups before each read of a scan; an error
	// from it ends the scan and is returned. It may be nil.
	Interrupted func() error
}

// Log is an open log.
type Log struct {
	dir     vfs.Dir
	options Options
	id      StoreID
	torn    *Torn

	corruption *vfs.CorruptionError // set only if the log is read-only

	// segments are all segments by position. A new segment is stored before the
	// store publishes any position in it.
	segments atomic.Pointer[[]*Segment]

	plan       plan  // owned by the planning goroutine
	space      space // shared by the planning goroutine and the preallocator
	nextNumber int   // next segments created so far; guarded by space.mu

	// written is the end of what was written; owned by the writing goroutine.
	written struct {
		segment *Segment
		end     int64
	}
}

// ID returns the identity of the store.
func (l *Log) ID() StoreID { return l.id }

// Torn returns the torn write that recovery found after the last valid group, or
// nil.
func (l *Log) Torn() *Torn { return l.torn }

// Corruption returns the corruption at which a read-only log ends, or nil. Open
// refuses such a log if it is not read-only.
func (l *Log) Corruption() *vfs.CorruptionError { return l.corruption }

// Tail returns the planned end of the log, which includes sealed groups that are not
// written yet. Only the planning goroutine may call it.
func (l *Log) Tail() Tail { return l.plan.tail }

// Segments returns the segments in order of position.
func (l *Log) Segments() []*Segment { return *l.segments.Load() }

// SegmentOf returns the segment that contains a position.
func (l *Log) SegmentOf(position uint64) *Segment {
	segments := l.Segments()
	i := sort.Search(len(segments), func(i int) bool { return segments[i].Base > position })
	return segments[max(i, 1)-1]
}

// CheckFile returns an error that matches vfs.ErrMoved if the name of the last segment
// no longer leads to its open file, and another error if that cannot be checked.
func (l *Log) CheckFile() error {
	segments := l.Segments()
	last := segments[len(segments)-1]
	return l.dir.CheckFile(segmentName(last.Base), last.file.File)
}

// plan is where the next group goes. It is ahead of what is written.
type plan struct {
	tail   Tail
	offset int64  // of the next group
	base   uint64 // of the segment that it is planned in
	roll   bool   // the open group begins a new segment
}

// space is the disk space that is allocated before it is needed.
type space struct {
	mu   sync.Mutex
	tail *segmentFile // the file that groups are planned in; guarded by mu
	next *segmentFile // the preallocated next segment, or nil; guarded by mu
	end  atomic.Int64 // one past the last planned group in tail
}

// Close closes the files. If clean is set, it first writes and syncs a clean-close
// record and truncates the file after it. No other method may be running.
func (l *Log) Close(clean bool) error {
	var errs []error
	if clean && !l.options.ReadOnly {
		errs = append(errs, l.closeCleanly())
	}
	for _, segment := range l.Segments() {
		errs = append(errs, segment.file.Close())
	}
	if planned := l.space.tail; planned != l.written.segment.file {
		errs = append(errs, planned.Close()) // it never became a segment
	}
	if next := l.space.next; next != nil {
		errs = append(errs, next.Close(), l.dir.Remove(next.name))
	}
	return errors.Join(errs...)
}

// closeCleanly writes a clean-close record, unless the log ends with one, and
// truncates the file to the end of the record.
func (l *Log) closeCleanly() error {
	closed, err := l.endsWithClose()
	if err != nil {
		return err
	}
	if !closed {
		l.plan.roll = false // the padding of this segment has space for the record
		sealed := l.Seal(make([]byte, groupHeaderBytes), KindClose, 0, l.plan.tail.Time)
		if err := errors.Join(l.Write(sealed), l.Sync()); err != nil {
			return fmt.Errorf("writing the clean-close record: %w", err)
		}
	}
	f := l.written.segment.file
	return errors.Join(f.Truncate(l.written.end), f.Sync())
}

// endsWithClose reports whether the last group is a clean-close record.
func (l *Log) endsWithClose() (bool, error) {
	at := l.written.end - groupHeaderBytes
	if at < segmentHeaderBytes {
		return false, nil
	}
	b := make([]byte, groupHeaderBytes)
	if err := l.written.segment.ReadAt(b, at); err != nil {
		return false, err
	}
	h, valid := decodeGroupHeader(b, l.id)
	return valid && h.Kind == KindClose && h.Index == l.plan.tail.Index, nil
}
