package eventlog

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/umadb-go/umadb/internal/vfs"
)

const (
	// followWindow is how many bytes a Follower reads at first: there are seldom many new
	// ones.
	followWindow = 4 << 10
	// followTries bounds how often a Follower reads again in one call.
	followTries = 5
)

// Follower finds the groups that another process appends to a log, which was opened with
// Options.Follow. One goroutine uses it.
//
// A group that can be read need not be durable. It is durable if another group or segment
// follows it, because these are written only after its sync has returned; if the file was
// truncated to its end, as in closing; or if the caller knows that it is. If none of this
// holds for the last group, it is unconfirmed: a loss of power may remove it.
type Follower struct {
	log *Log
	durableEnd
	next     *Group // the header of the unconfirmed group; nil if there is none
	scan     *scanner
	reopened int // how often the end was moved back
}

// durableEnd is the end of the durable groups.
type durableEnd struct {
	end  Point
	last *Group // the header of the last durable group; nil if it is in an earlier segment
	// beforeClose is an end before the last group if that is a clean-close record, else nil.
	beforeClose *durableEnd
}

// Follower returns a follower whose end is the start of the last segment.
func (l *Log) Follower() *Follower {
	segments := l.Segments()
	return &Follower{log: l, durableEnd: durableEnd{end: segments[len(segments)-1].Start()}}
}

// End returns the point after the last durable group.
func (f *Follower) End() Point { return f.end }

// Reopened returns how often the end was moved back, because a clean-close record, which was
// the last group, is no longer there: a copy that is continued replaces the one that opening
// and closing it has added.
func (f *Follower) Reopened() int { return f.reopened }

// Unconfirmed returns the unconfirmed group, or the zero value if there is none.
func (f *Follower) Unconfirmed() GroupID {
	if f.next == nil {
		return GroupID{}
	}
	return f.next.Tail().ID()
}

// SkipTo moves the end after a durable group, unless it is there already. The segment of the
// group must be open.
func (f *Follower) SkipTo(g Group) {
	if g.Index > f.end.Tail.Index {
		f.next = &g
		f.confirm()
	}
}

// confirm moves the end after the unconfirmed group, if there is one.
func (f *Follower) confirm() {
	if f.next == nil {
		return
	}
	before := durableEnd{end: f.end, last: f.last}
	f.durableEnd = durableEnd{end: f.next.End(), last: f.next}
	if f.next.Kind == KindClose {
		f.beforeClose = &before
	}
	f.next = nil
}

// OpenSegments opens the segments that were created since the last one was opened.
func (f *Follower) OpenSegments() error {
	names, err := f.log.dir.List()
	if err != nil {
		return err
	}
	for _, name := range names { // in order
		segments := f.log.Segments()
		if base, ok := parseSegmentName(name); ok && base > segments[len(segments)-1].Base {
			if _, err := f.openSegment(base); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *Follower) openSegment(base uint64) (*Segment, error) {
	l := f.log
	segment, err := openSegment(l.dir.Open, l.path(segmentName(base)), base)
	if err != nil {
		return nil, err
	}
	segments := append(append([]*Segment(nil), l.Segments()...), segment)
	if why := checkContiguous(segments); why != "" {
		return nil, errors.Join(&vfs.CorruptionError{File: segment.Name, What: why}, segment.file.Close())
	}
	l.segments.Store(&segments)
	return segment, nil
}

// Refresh moves the end after the last durable group. The caller knows that the group known
// is durable; the zero value is no group. If the log does not contain it, or no longer
// contains the group before the end, the error is a *vfs.CorruptionError.
func (f *Follower) Refresh(known GroupID) error {
	if err := f.checkLast(); err != nil {
		return err
	}
	err := f.advance(known)
	var corruption *vfs.CorruptionError
	if !errors.As(err, &corruption) {
		return err
	}
	// A clean-close record may have been replaced after it was read.
	if err := f.checkLast(); err != nil {
		return err
	}
	return f.advance(known)
}

// checkLast returns an error if the last durable group is no longer in the log. If that is a
// clean-close record, it moves the end before it instead.
func (f *Follower) checkLast() error {
	for f.last != nil {
		g, valid, err := f.log.HeaderAt(f.last.Base, f.last.Offset)
		if err != nil || valid && g.Chain == f.last.Chain {
			return err
		}
		if f.beforeClose == nil {
			return &vfs.CorruptionError{File: f.log.SegmentName(f.last.Base), Offset: f.last.Offset, What: fmt.Sprintf("group %d, which was durable, is no longer there: the log was truncated, restored or replaced", f.last.Index)}
		}
		f.durableEnd, f.next = *f.beforeClose, nil
		f.reopened++
	}
	return nil
}

// advance reads the groups after the end, again if there must be more. A writer can add
// segments faster than they are read; then it leaves the rest to a later call.
func (f *Follower) advance(known GroupID) error {
	reached, vain := uint64(0), 0
	for try := 1; ; try++ {
		missing, changed, err := f.readGroups(known)
		switch {
		case err != nil || missing == 0 && !changed:
			return err
		case changed:
			vain = 0
		case f.scan.tail.Index > reached:
			reached, vain = f.scan.tail.Index, 0
		default:
			vain++
		}
		if vain == followTries {
			return f.explainMissing(missing)
		}
		if vain == 0 && try >= followTries && known.Index <= f.scan.tail.Index {
			return nil
		}
	}
}

// explainMissing returns the error for a group that was durable and is not in the log.
func (f *Follower) explainMissing(index uint64) error {
	if _, err := f.scan.classifyTail(); err != nil {
		return err
	}
	return f.scan.corruption(f.scan.offset, "the log ends with group %d, but group %d was durable: the end of the log is lost", f.scan.tail.Index, index)
}

// readGroups is read for a log that may be a copy that is being written. It reports whether
// the read had no effect, because the copying may have started meanwhile.
func (f *Follower) readGroups(known GroupID) (missing uint64, changed bool, err error) {
	copying, err := f.log.readCopying()
	if err != nil {
		return 0, false, err
	}
	before := f.durableEnd
	missing, err = f.read(known, copying)
	if err != nil || copying != nil || before.end == f.end {
		return missing, false, err
	}
	// Several of the groups that were read may be unconfirmed.
	if copying, err = f.log.readCopying(); err != nil || copying != nil {
		f.durableEnd, f.next = before, nil
		return 0, true, err
	}
	return missing, false, nil
}

// read reads the groups after the end, in a copy that is being written only up to a group
// that is durable. It returns the index of a group that must exist but was not found, or 0.
func (f *Follower) read(known GroupID, copying *uint64) (missing uint64, err error) {
	required := known.Index
	if copying != nil {
		required = *copying // known may have been announced before the copy was continued
	}
	segment, _ := f.log.segmentAt(f.end.Base)
	if err := f.open(segment, f.end); err != nil {
		return 0, err
	}
	f.next = nil
	for {
		g, err := f.scan.next()
		switch {
		case err == nil && copying != nil && g.Index > *copying:
			f.confirm()
			return 0, nil
		case err == nil:
			f.confirm()
			if g.Index == known.Index && g.Chain != known.Chain {
				return 0, f.scan.corruption(g.offset, "group %d has chain %016x, but %016x was durable: the log was restored or replaced", g.Index, g.Chain, known.Chain)
			}
			f.next = &Group{GroupHeader: g.GroupHeader, Base: segment.Base, Offset: g.offset}
			if g.Index <= required {
				f.confirm()
			}
			continue
		case !errors.Is(err, errNoGroup):
			return 0, err
		}
		next, err := f.segmentAfter(segment)
		if err == nil && next == nil && f.isClosed() {
			f.confirm()
		}
		if err != nil || next == nil {
			if required > f.scan.tail.Index {
				missing = required
			}
			return missing, err
		}
		if next.header.tail.Index > f.scan.tail.Index {
			return next.header.tail.Index, nil // more was written to the segment before it was full
		}
		if next.header.tail != f.scan.tail {
			return 0, &vfs.CorruptionError{File: next.Name, What: fmt.Sprintf("it does not continue group %d, the last group before it", f.scan.tail.Index)}
		}
		f.confirm()
		if err := f.open(next, next.Start()); err != nil {
			return 0, err
		}
		segment = next
	}
}

// isClosed reports whether the log was closed: the file is truncated to the end of the
// clean-close record only after the sync of the record has returned.
func (f *Follower) isClosed() bool {
	return f.next != nil && f.next.Kind == KindClose && f.scan.offset == f.scan.size
}

// open continues reading at a point in a segment.
func (f *Follower) open(segment *Segment, at Point) error {
	scan, err := f.log.scanner(segment)
	if err != nil {
		return err
	}
	if f.scan != nil {
		scan.window = f.scan.window[:0]
	}
	scan.offset, scan.tail, scan.ahead = at.Offset, at.Tail, followWindow
	f.scan = scan
	return nil
}

// segmentAfter returns the segment after one that was read to its end, or nil if there is
// none.
func (f *Follower) segmentAfter(segment *Segment) (*Segment, error) {
	if _, next := f.log.segmentAt(segment.Base); next != nil {
		return next, nil
	}
	base := f.scan.tail.Next
	if base <= segment.Base {
		return nil, nil // a segment without events is not the last but one
	}
	next, err := f.openSegment(base)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return next, err
}

// Accept confirms the unconfirmed group if no process has written to the log since the system
// was started: then what can be read is on the disk. unwritten reports whether that is so,
// and is called after the group was read. Accept returns a *vfs.CorruptionError if something
// other than a torn write follows the last group.
func (f *Follower) Accept(unwritten func() (bool, error)) error {
	for range followTries {
		before := f.scan.tail.Index
		_, corruption := f.scan.classifyTail()
		if err := f.Refresh(GroupID{}); err != nil {
			return err
		}
		if f.scan.tail.Index != before {
			continue
		}
		if copying, err := f.log.readCopying(); err != nil || copying != nil {
			return err // groups after the durable one may be torn, also before valid ones
		}
		if still, err := unwritten(); err != nil || !still {
			return err
		}
		if corruption == nil {
			f.confirm()
		}
		return corruption
	}
	return nil // a process is writing after all
}
