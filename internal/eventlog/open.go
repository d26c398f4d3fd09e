package eventlog

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/umadb-go/umadb/internal/vfs"
)

// ErrNoLog is returned by a read-only Open where no log is, and by Open where
// something else is.
var ErrNoLog = errors.New("there is no event log here")

// Open opens the log in a directory, or makes one if it is empty. It verifies
// that the segments are all there, recovers the last one, and makes its end
// durable before it returns. The directory must be locked by the caller, and stay
// open as long as the log.
func Open(dir vfs.Dir, options Options) (*Log, error) {
	if options.SegmentBytes == 0 {
		options.SegmentBytes = 256 << 20
	}
	l := &Log{dir: dir, options: options}
	bases, err := l.list()
	if err == nil && len(bases) == 0 {
		bases, err = []uint64{1}, l.create()
	}
	if err != nil {
		return nil, err
	}
	if err := l.open(bases); err != nil {
		for _, segment := range l.Segments() {
			err = errors.Join(err, segment.file.Close())
		}
		return nil, err
	}
	return l, nil
}

// path returns the path of a file, for messages.
func (l *Log) path(name string) string { return filepath.Join(l.dir.Path(), name) }

// list gives the bases of the segments, and removes what was being prepared. It
// refuses a directory of other files.
func (l *Log) list() ([]uint64, error) {
	names, err := l.dir.List()
	if err != nil {
		return nil, err
	}
	var bases []uint64
	var prepared, foreign []string
	for _, name := range names {
		if base, ok := parseSegmentName(name); ok {
			bases = append(bases, base)
		} else if isPrepared(name) {
			prepared = append(prepared, name)
		} else {
			foreign = append(foreign, name)
		}
	}
	if len(bases) == 0 && len(foreign) > 0 {
		return nil, fmt.Errorf("%s: %w: it has no segment, and %s, which is none of ours", l.dir.Path(), ErrNoLog, foreign[0])
	}
	slices.Sort(bases)
	if l.options.ReadOnly {
		return bases, nil
	}
	for _, name := range prepared {
		if err := l.dir.Remove(name); err != nil {
			return nil, err
		}
	}
	return bases, nil
}

// isPrepared tells whether a name is that of a segment being prepared.
func isPrepared(name string) bool {
	return strings.HasPrefix(name, preparedPrefix) && strings.HasSuffix(name, preparedSuffix)
}

// create makes the first segment of a new store.
func (l *Log) create() error {
	if l.options.ReadOnly {
		return fmt.Errorf("%s: %w", l.dir.Path(), ErrNoLog)
	}
	id, err := l.options.NewID()
	if err != nil {
		return err
	}
	f, err := l.prepare()
	if err != nil {
		return err
	}
	header := segmentHeader{store: id, tail: Tail{Next: 1}}
	return errors.Join(l.install(f, &header), f.Close())
}

// prepare makes a file that is to become a segment. Two may be under way: the
// one before may not have been installed yet.
func (l *Log) prepare() (*segmentFile, error) {
	l.prepared++
	name := fmt.Sprintf("%s%d%s", preparedPrefix, l.prepared, preparedSuffix)
	f, err := l.dir.Create(name)
	if err != nil {
		return nil, err
	}
	return &segmentFile{File: f, name: name}, nil
}

// install makes a prepared file a segment: header, sync, rename, sync.
func (l *Log) install(f *segmentFile, header *segmentHeader) error {
	if _, err := f.WriteAt(header.encode(), 0); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := l.dir.Rename(f.name, segmentName(header.tail.Next)); err != nil {
		return err
	}
	return l.dir.Sync()
}

func (l *Log) open(bases []uint64) error {
	var segments []*Segment
	l.segments.Store(&segments)
	for i, base := range bases {
		open := l.dir.Open
		if i == len(bases)-1 && !l.options.ReadOnly {
			open = l.dir.OpenWrite
		}
		segment, err := openSegment(open, l.path(segmentName(base)), base)
		if err != nil {
			return err
		}
		segments = append(segments, segment)
		if why := outOfPlace(segments); why != "" {
			return &vfs.CorruptionError{File: segment.Name, What: why}
		}
	}
	last := segments[len(segments)-1]
	l.id = last.header.store
	return l.recover(last)
}

// outOfPlace says why the last of the segments cannot follow the others.
func outOfPlace(segments []*Segment) string {
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
		return fmt.Sprintf("it is the first segment of a log, and begins at position %d after group %d", header.tail.Next, header.tail.Index)
	case n > 1 && header.tail.Index <= segments[n-2].header.tail.Index:
		return fmt.Sprintf("it begins after group %d, and the segment before it after group %d", header.tail.Index, segments[n-2].header.tail.Index)
	}
	return ""
}

// recover finds the end of the last segment, cuts what is torn, and makes the
// rest durable.
func (l *Log) recover(last *Segment) error {
	s, err := l.scanner(last)
	if err != nil {
		return err
	}
	r, err := recoverSegment(s)
	if l.options.ReadOnly && errors.As(err, &l.damage) {
		err = nil
	}
	if err != nil {
		return err
	}
	l.torn = r.torn
	l.written.segment, l.written.end = last, r.end
	l.plan = plan{tail: r.tail, offset: r.end, base: last.Base}
	l.space.tail = last.file
	l.space.end.Store(r.end)
	if l.options.ReadOnly {
		return nil
	}
	last.file.allocated.Store(s.size)
	if r.torn != nil || r.unmarked(s.size) {
		if err := l.cut(last.file, r.end); err != nil {
			return fmt.Errorf("cutting what a crash left: %w", err)
		}
	}
	return l.confirm(last, r.last)
}

// cut leaves zeros behind the end: as many as tell, if a crash tears the mark
// that closing will write there, that it was being written (see endedWithMark).
func (l *Log) cut(f *segmentFile, end int64) error {
	f.allocated.Store(end)
	return errors.Join(f.Truncate(end), f.Truncate(end+closingBytes), f.Sync())
}

// confirm writes the last group once more and syncs. After a sync that failed,
// the page cache may show bytes that the disk does not have, and even call
// them clean: only bytes written again are sure to be synced.
func (l *Log) confirm(segment *Segment, last *group) error {
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
