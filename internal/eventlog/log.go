package eventlog

import (
	"errors"
	"fmt"
	"sort"
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
	// Follow leaves the end of a read-only log to its Follower. Open then does not read the
	// last segment, and OpenedTail is the state of the log before it.
	Follow bool
	// Known is a group that was durable. A log that ends before it is corrupt, also if what
	// follows looks like a torn write. It may be zero. In a replica, only Index
	// counts: it is the last group that cannot be read again from the shared log.
	Known DurableGroup
	// Replica opens the log of a replica, see replica.go.
	Replica bool
	// MayGrow is called before space is allocated: more bytes, while unused bytes of the
	// space allocated before are not written yet. The space is not allocated if it returns
	// an error, which should match a lack of space (see vfs.IsFull). MayGrow is called with
	// the lock of the preallocated space. It may be nil.
	MayGrow func(unused, more int64) error
	// Interrupted is called by Open and Groups before each read of a scan; an error
	// from it ends the scan and is returned. It may be nil.
	Interrupted func() error

	keepCopying bool // the log is a copy that a Receiver continues, or that of a replica
}

// Log is an open log. Any number of goroutines may read it. Its Appender and its Writer,
// which Open returns with it, have one owner each.
type Log struct {
	dir     vfs.Dir
	options Options
	id      StoreID
	torn    *Torn
	opened  Point // the end when the log was opened

	corruption *vfs.CorruptionError // set only if the log is read-only

	// segments are all segments by position. A new segment is stored before the
	// store publishes any position in it.
	segments atomic.Pointer[[]*Segment]

	space      space
	nextNumber int // next segments created so far; guarded by space.mu

	// copying is the open file copyingName, or nil. A replica has it while it is open, other
	// logs after a series, until a group that is not part of one. It is set by the Writer.
	copying vfs.File
}

// ID returns the identity of the store.
func (l *Log) ID() StoreID { return l.id }

// Torn returns the torn write that recovery found after the last valid group, or
// nil.
func (l *Log) Torn() *Torn { return l.torn }

// Corruption returns the corruption at which a read-only log ends, or nil. Open
// refuses such a log if it is not read-only.
func (l *Log) Corruption() *vfs.CorruptionError { return l.corruption }

// OpenedTail returns the end that the log had when it was opened.
func (l *Log) OpenedTail() Tail { return l.opened.Tail }

// OpenedEnd is OpenedTail with its place.
func (l *Log) OpenedEnd() Point { return l.opened }

// Segments returns the segments in order of position.
func (l *Log) Segments() []*Segment { return *l.segments.Load() }

// DiskBytes returns the length of all files of the log, with preallocated space. It does
// not wait. The segments of a log that another process writes are measured.
func (l *Log) DiskBytes() int64 {
	if !l.options.Follow {
		return l.space.bytes.Load()
	}
	bytes := int64(0)
	for _, segment := range l.Segments() {
		size, _ := segment.Size() // of an open file
		bytes += size
	}
	return bytes
}

// Extent returns the number of segments up to a point, and the bytes in them up to it.
func (l *Log) Extent(end Point) (segments int, bytes int64, err error) {
	bytes = end.Offset
	for _, segment := range l.Segments() {
		if segment.Base > end.Base {
			break
		}
		segments++
		if segment.Base < end.Base {
			size, err := segment.Size()
			if err != nil {
				return 0, 0, err
			}
			bytes += size
		}
	}
	return segments, bytes, nil
}

// SegmentExtent describes a segment.
type SegmentExtent struct {
	Name      string // of the file
	First     uint64 // the first position
	Events    uint64
	UsedBytes int64 // up to its last group
	FileBytes int64 // of the file, with preallocated space
	Active    bool  // groups are added to it
}

// Extents describes the segments up to a point. next is the size of the file that will be the
// next segment, or 0.
func (l *Log) Extents(end Point) (extents []SegmentExtent, next int64, err error) {
	all := l.Segments()
	next = l.DiskBytes()
	for i, segment := range all {
		size, err := segment.Size()
		if err != nil {
			return nil, 0, err
		}
		next -= size
		e := SegmentExtent{Name: segmentName(segment.Base), First: segment.Base, UsedBytes: size, FileBytes: size}
		switch {
		case segment.Base > end.Base:
			continue
		case segment.Base == end.Base:
			e.Events, e.UsedBytes, e.Active = end.Tail.Next-segment.Base, end.Offset, true
		default:
			e.Events = all[i+1].Base - segment.Base
		}
		extents = append(extents, e)
	}
	return extents, max(next, 0), nil // the files may have grown meanwhile
}

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

// Close closes the files. With the appender and the writer of the log, it first removes the mark
// of a copy that is being written, writes and syncs a clean-close record, and truncates the file
// after it. A replica has no such record: its log is synced and truncated.
// Without the appender and the writer, which may both be nil, Close writes nothing. The log,
// the appender and the writer must not be used again.
func (l *Log) Close(a *Appender, w *Writer) error {
	var errs []error
	if a != nil && w != nil {
		errs = append(errs, l.closeCleanly(a, w))
	}
	if l.copying != nil {
		errs = append(errs, l.copying.Close())
	}
	segments := l.Segments()
	for _, segment := range segments {
		errs = append(errs, segment.file.Close())
	}
	if planned := l.space.tail; !l.options.ReadOnly && planned != segments[len(segments)-1].file {
		errs = append(errs, planned.Close()) // it never became a segment
	}
	if next := l.space.next; next != nil {
		errs = append(errs, next.Close(), l.dir.Remove(next.name))
	}
	return errors.Join(errs...)
}

// closeCleanly writes a clean-close record, unless the log ends with one or is that of a
// replica, and truncates the file to its end.
func (l *Log) closeCleanly(a *Appender, w *Writer) error {
	if l.options.Replica {
		return w.closeReplica()
	}
	closed, err := w.endsWithClose(a.Tail())
	if err != nil {
		return err
	}
	if !closed {
		err := w.Write(a.sealClose())
		if err == nil {
			err = w.Sync()
		}
		if err != nil {
			return fmt.Errorf("writing the clean-close record: %w", err)
		}
	}
	if err := w.truncate(); err != nil {
		return err
	}
	return w.endSeries()
}
