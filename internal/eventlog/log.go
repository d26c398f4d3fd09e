package eventlog

import (
	"errors"
	"fmt"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/umadb-go/umadb/internal/vfs"
)

// Options shape a log. The zero value works.
type Options struct {
	// SegmentBytes is the size at which a segment is rolled. Default 256 MiB.
	SegmentBytes int64
	// NewID gives the identity of a new store; needed unless ReadOnly.
	NewID func() (StoreID, error)
	// ReadOnly opens what is there, changes nothing, and cannot write.
	ReadOnly bool
	// Interrupted is called by Open and Groups before each read of a scan. If it
	// returns an error, they end with that error. Default nil: nothing is called.
	Interrupted func() error
}

// Log is an open log.
type Log struct {
	dir     vfs.Dir
	options Options
	id      StoreID
	torn    *Torn
	damage  *vfs.CorruptionError // that ends a log which is only read

	// segments are all there are, by position. A new one is published before
	// any head that it holds.
	segments atomic.Pointer[[]*Segment]

	plan     plan  // of the planning goroutine
	space    space // shared by the planning and the preparing goroutine
	prepared int   // files prepared so far; guarded by space.mu

	// written is where the writing goroutine has got to.
	written struct {
		segment *Segment
		end     int64
	}
}

// ID is the identity of the store.
func (l *Log) ID() StoreID { return l.id }

// Torn is what recovery found behind the last sound group, or nil.
func (l *Log) Torn() *Torn { return l.torn }

// Corruption is what ends the last segment of a log that was opened to be read only,
// or nil. To be written, such a log is not opened.
func (l *Log) Corruption() *vfs.CorruptionError { return l.damage }

// Tail is the end of the log: when opened, and as planned from then on. It is
// the planning goroutine's.
func (l *Log) Tail() Tail { return l.plan.tail }

// Segments gives the segments in order of position.
func (l *Log) Segments() []*Segment { return *l.segments.Load() }

// SegmentOf gives the segment that holds a position.
func (l *Log) SegmentOf(position uint64) *Segment {
	segments := l.Segments()
	i := sort.Search(len(segments), func(i int) bool { return segments[i].Base > position })
	return segments[max(i, 1)-1]
}

// CheckFile returns an error that is vfs.ErrMoved if the file that groups are written
// to has lost its name, and another error if that cannot be checked.
func (l *Log) CheckFile() error {
	segments := l.Segments()
	last := segments[len(segments)-1]
	return l.dir.CheckFile(segmentName(last.Base), last.file.File)
}

// plan is where the next group goes. It runs ahead of what is written.
type plan struct {
	tail   Tail
	offset int64  // of the next group
	base   uint64 // of the segment that it is planned in
	roll   bool   // the open group begins a new segment
}

// space is room on the disk, made ahead of need.
type space struct {
	mu   sync.Mutex
	tail *segmentFile // the file that groups are planned in; guarded by mu
	next *segmentFile // prepared to follow it, or nil; guarded by mu
	end  atomic.Int64 // behind the last planned group in tail
}

// Close closes the files. With mark, it first writes and syncs a mark, and cuts
// the file behind it. Nothing else may be under way.
func (l *Log) Close(mark bool) error {
	var errs []error
	if mark && !l.options.ReadOnly {
		errs = append(errs, l.close())
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

// close leaves a log that ends with a mark, to the byte.
func (l *Log) close() error {
	marked, err := l.endsWithMark()
	if err != nil {
		return err
	}
	if !marked {
		l.plan.roll = false // every segment keeps room for its mark
		sealed := l.Seal(make([]byte, groupHeaderBytes), KindClose, 0, l.plan.tail.Time)
		if err := errors.Join(l.Write(sealed), l.Sync()); err != nil {
			return fmt.Errorf("writing the closing mark: %w", err)
		}
	}
	f := l.written.segment.file
	return errors.Join(f.Truncate(l.written.end), f.Sync())
}

// endsWithMark tells whether nothing was written since a mark.
func (l *Log) endsWithMark() (bool, error) {
	at := l.written.end - groupHeaderBytes
	if at < segmentHeaderBytes {
		return false, nil
	}
	b := make([]byte, groupHeaderBytes)
	if err := l.written.segment.ReadAt(b, at); err != nil {
		return false, err
	}
	h, sound := decodeGroupHeader(b, l.id)
	return sound && h.Kind == KindClose && h.Index == l.plan.tail.Index, nil
}
