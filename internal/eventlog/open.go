package eventlog

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/umadb-go/umadb/internal/vfs"
)

// ErrNoLog is returned by Open if the directory contains other files but no log, and
// by a read-only Open also if the directory is empty.
var ErrNoLog = errors.New("there is no event log here")

// Open opens the log in a directory, or creates one if the directory is empty. It
// verifies that all segments are present, recovers the last one, and makes its end
// durable before it returns. The caller must have locked the directory, and must
// keep it open as long as the log. A read-only log has no Appender and no Writer.
func Open(dir vfs.Dir, options Options) (*Log, *Appender, *Writer, error) {
	if options.SegmentBytes == 0 {
		options.SegmentBytes = 256 << 20
	}
	if options.Replica {
		options.keepCopying = true
	}
	l := &Log{dir: dir, options: options}
	bases, err := l.list()
	if err == nil && len(bases) == 0 {
		bases, err = []uint64{1}, l.create()
	}
	if err != nil {
		return nil, nil, nil, err
	}
	end, err := l.open(bases)
	if err == nil && options.Replica {
		l.copying, err = l.createCopying(l.opened.Tail.Index)
	}
	if err != nil {
		for _, segment := range l.Segments() {
			err = errors.Join(err, segment.file.Close())
		}
		return nil, nil, nil, err
	}
	if options.ReadOnly {
		return l, nil, nil, nil
	}
	segments := l.Segments()
	last := segments[len(segments)-1]
	appender := &Appender{log: l, plan: plan{tail: l.opened.Tail, offset: end, base: last.Base}}
	writer := &Writer{log: l, segment: last, end: end, tail: l.opened.Tail, durable: l.opened.Tail}
	return l, appender, writer, nil
}

// path returns the path of a file, for messages.
func (l *Log) path(name string) string { return filepath.Join(l.dir.Path(), name) }

// list returns the bases of the segments in order, and removes preallocated next
// segments. It returns ErrNoLog if there are only other files.
func (l *Log) list() ([]uint64, error) {
	names, err := l.dir.List()
	if err != nil {
		return nil, err
	}
	var bases []uint64
	var next, foreign []string
	copying := false
	for _, name := range names {
		if base, ok := parseSegmentName(name); ok {
			bases = append(bases, base)
		} else if isNextName(name) {
			next = append(next, name)
		} else if name == copyingName {
			copying = true
		} else {
			foreign = append(foreign, name)
		}
	}
	if len(bases) == 0 && len(foreign) > 0 {
		return nil, fmt.Errorf("%s: %w: it contains %s but no segment", l.dir.Path(), ErrNoLog, foreign[0])
	}
	if len(bases) == 0 && copying && !l.options.keepCopying {
		return nil, fmt.Errorf("%s: %w: it contains the start of a copy; make the copy again", l.dir.Path(), ErrNoLog)
	}
	slices.Sort(bases)
	if l.options.ReadOnly {
		return bases, nil
	}
	for _, name := range next {
		if err := l.dir.Remove(name); err != nil {
			return nil, err
		}
	}
	return bases, nil
}

// create creates the first segment of a new store.
func (l *Log) create() error {
	if l.options.ReadOnly {
		return fmt.Errorf("%s: %w", l.dir.Path(), ErrNoLog)
	}
	id, err := l.options.NewID()
	if err != nil {
		return err
	}
	f, err := l.createNext()
	if err != nil {
		return err
	}
	header := segmentHeader{store: id, tail: Tail{Next: 1}}
	return errors.Join(l.install(f, &header), f.Close())
}

func (l *Log) open(bases []uint64) (end int64, err error) {
	var segments []*Segment
	l.segments.Store(&segments)
	for i, base := range bases {
		open := l.dir.Open
		if i == len(bases)-1 && !l.options.ReadOnly {
			open = l.dir.OpenWrite
		}
		segment, err := openSegment(open, l.path(segmentName(base)), base)
		if err != nil {
			return 0, err
		}
		segments = append(segments, segment)
		l.space.bytes.Add(segment.file.allocated.Load())
		if why := checkContiguous(segments); why != "" {
			return 0, &vfs.CorruptionError{File: segment.Name, What: why}
		}
	}
	last := segments[len(segments)-1]
	l.id = last.header.store
	if l.options.Follow {
		l.opened = last.Start()
		return 0, nil
	}
	return l.recover(last)
}

// checkContiguous returns why the last of the segments cannot follow the others, or
// "" if it can.
func checkContiguous(segments []*Segment) string {
	n := len(segments)
	header := segments[n-1].header
	previous := uint64(0)
	if n > 1 {
		previous = segments[n-2].Base
	}
	switch {
	case header.previous != previous && header.previous == 0:
		return "it is the first segment of a log, but another comes before it"
	case header.previous != previous:
		return fmt.Sprintf("the segment before it, %s, is missing", segmentName(header.previous))
	case header.store != segments[0].header.store:
		return "it belongs to another store"
	case n == 1 && header.tail != Tail{Next: 1}:
		return fmt.Sprintf("it is the first segment of a log, but starts at position %d after group %d", header.tail.Next, header.tail.Index)
	case n > 1 && header.tail.Index <= segments[n-2].header.tail.Index:
		return fmt.Sprintf("it starts after group %d, and the segment before it after group %d", header.tail.Index, segments[n-2].header.tail.Index)
	}
	return ""
}

// recover finds and returns the end of the last segment, truncates a torn write, and makes the
// remaining groups durable.
func (l *Log) recover(last *Segment) (end int64, err error) {
	s, err := l.scanner(last)
	if err != nil {
		return 0, err
	}
	if l.options.Replica {
		return l.recoverReplica(s, last)
	}
	durable, err := l.readCopying()
	if err != nil {
		return 0, err
	}
	r, err := recoverSegment(s, durable)
	if known := l.options.Known; err == nil && known.Store == l.id && r.tail.Index < known.Index {
		err = s.corruption(r.end, "group %d is missing or corrupt, although group %d was durable", r.tail.Index+1, known.Index)
		r.torn = nil
	}
	if l.options.ReadOnly && errors.As(err, &l.corruption) {
		err = nil
	}
	if err != nil {
		return 0, err
	}
	return r.end, l.endAt(last, &r, s.size, durable != nil)
}

// endAt makes the valid groups of the last segment, whose file has the given size, the end of
// the log. copying reports whether the log is a copy that was being written.
func (l *Log) endAt(last *Segment, r *recovered, size int64, copying bool) error {
	l.torn = r.torn
	l.opened = Point{Base: last.Base, Offset: r.end, Tail: r.tail}
	l.space.tail = last.file
	l.space.end.Store(r.end)
	if l.options.ReadOnly {
		return nil
	}
	if r.torn != nil || r.needsPadding(size) {
		if err := l.truncate(last.file, r.end); err != nil {
			return fmt.Errorf("truncating a torn write: %w", err)
		}
	}
	return l.makeDurable(last, r, copying)
}

// makeDurable makes the valid groups of the last segment durable. copying reports
// whether the log is a copy that was being written.
func (l *Log) makeDurable(last *Segment, r *recovered, copying bool) error {
	if !copying {
		return l.rewriteLastGroup(last, r.last)
	}
	if err := rewrite(last, r.durableEnd, r.end); err != nil {
		return err
	}
	if err := last.file.Sync(); err != nil {
		return err
	}
	if err := l.dir.Sync(); err != nil || l.options.keepCopying {
		return err
	}
	return l.removeCopying()
}

// rewrite writes a range of a segment again, see rewriteLastGroup.
func rewrite(segment *Segment, from, to int64) error {
	b := make([]byte, min(to-from, scanWindow))
	for from < to {
		b = b[:min(to-from, scanWindow)]
		if err := segment.ReadAt(b, from); err != nil {
			return err
		}
		if _, err := segment.file.WriteAt(b, from); err != nil {
			return err
		}
		from += int64(len(b))
	}
	return nil
}

// truncate removes everything after end and adds padding of zeros, so that a torn
// clean-close record is not mistaken for a corrupt one (see endsWithCorruptClose).
func (l *Log) truncate(f *segmentFile, end int64) error {
	l.setAllocated(f, end)
	return truncateFile(f, end)
}

// rewriteLastGroup writes the last group again and syncs. After a failed sync, the
// page cache can contain bytes that the disk does not have and mark their pages as
// clean, so that another sync would skip them. Only bytes that are written again
// are sure to be synced.
func (l *Log) rewriteLastGroup(segment *Segment, last *group) error {
	if last != nil {
		whole := append(slices.Clip(last.header), last.payload...)
		if _, err := segment.file.WriteAt(whole, last.offset); err != nil {
			return err
		}
	}
	if err := segment.file.Sync(); err != nil {
		return err
	}
	return l.dir.Sync()
}
