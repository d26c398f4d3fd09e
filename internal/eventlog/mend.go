package eventlog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/umadb-go/umadb/internal/vfs"
)

// mendTemp is the name of a segment while Mend writes it. Open removes it, as it does next
// segments.
const mendTemp = nextPrefix + "repair" + nextSuffix

// ErrCannotMend is returned by Mend if the result would lack groups. Nothing has changed.
var ErrCannotMend = errors.New("the copy does not contain what is missing")

// Mended describes a segment that Mend has written.
type Mended struct {
	Bytes  int64
	Groups uint64 // all groups in it
	Copied uint64 // those from the copy
}

// Mend writes a corrupt or missing segment again, from its own valid groups and, for all
// others, those of the same segment of a copy of the log, which has the same bytes. It verifies the
// chain from the header to the next segment, and that no valid group of the corrupt file is
// lost. The new file replaces the corrupt one at the end, so a crash leaves one of them.
// before is called before that, and an error from it ends Mend.
func Mend(dir vfs.Dir, corrupt *Inspected, source *MendSource, before func() error) (result Mended, err error) {
	m := mending{dir: dir, corrupt: corrupt, source: source}
	l := &Log{dir: dir, options: Options{ReadOnly: true}}
	if err := l.sameStore(source.header.store); err != nil {
		return result, err
	}
	own, err := dir.Open(segmentName(corrupt.Base))
	if err == nil {
		defer own.Close()
		err = m.openOwn(own, &source.header)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return result, err
	}
	file, err := vfs.CreateFile(dir, mendTemp, segmentName(corrupt.Base), func(f vfs.File) error {
		if err := m.write(f, &source.header); err != nil {
			return err
		}
		return before()
	})
	if err == nil {
		err = file.Close()
	}
	return m.result, err
}

// openOwn opens a scanner of the corrupt file, whose header is that of the copy, and finds
// its last valid group.
func (m *mending) openOwn(file vfs.File, header *segmentHeader) error {
	size, err := file.Size()
	if err != nil {
		return err
	}
	b := make([]byte, segmentHeaderBytes)
	if _, err := file.ReadAt(b, 0); err == nil {
		if own, err := decodeSegmentHeader(b); err == nil && own != *header {
			return fmt.Errorf("%w: its segment %s has another header", ErrCannotMend, segmentName(m.corrupt.Base))
		}
	}
	m.own = &scanner{r: file, size: size, name: m.corrupt.Name, id: header.store, tail: header.tail, offset: segmentHeaderBytes}
	_, m.later, err = m.own.laterGroups()
	return err
}

// sameStore returns an error unless all readable segments belong to a store.
func (l *Log) sameStore(id StoreID) error {
	bases, err := l.list()
	if err != nil {
		return err
	}
	for _, base := range bases {
		segment, err := openSegment(l.dir.Open, l.path(segmentName(base)), base)
		if err != nil {
			continue // corrupt
		}
		if err := segment.file.Close(); err != nil {
			return err
		}
		if segment.header.store != id {
			return fmt.Errorf("%w: it is a copy of another store", ErrCannotMend)
		}
	}
	return nil
}

// mending is the writing of a segment.
type mending struct {
	dir     vfs.Dir
	corrupt *Inspected
	own     *scanner // nil if there is no file
	source  *MendSource
	later   Tail // after the last valid group of the corrupt file
	result  Mended
}

// write writes the whole segment.
func (m *mending) write(file vfs.File, header *segmentHeader) error {
	if _, err := file.WriteAt(header.encode(), 0); err != nil {
		return err
	}
	at, tail, last := int64(segmentHeaderBytes), header.tail, Kind(0)
	for {
		g, fromCopy, err := m.next(at, tail)
		if err != nil {
			return err
		}
		if g == nil {
			break
		}
		if _, err := file.WriteAt(append(append([]byte(nil), g.header...), g.payload...), at); err != nil {
			return err
		}
		m.result.Groups++
		if fromCopy {
			m.result.Copied++
		}
		at, tail, last = at+int64(len(g.header)+len(g.payload)), g.Tail(), g.Kind
	}
	if needed := m.needed(); tail.Index < needed {
		return fmt.Errorf("%w: it ends with group %d, and group %d is needed to continue", ErrCannotMend, tail.Index, needed)
	}
	m.result.Bytes = at
	if m.corrupt.Last && last != KindClose {
		at += paddingBytes
	}
	if err := file.Truncate(at); err != nil {
		return err
	}
	return m.checkNext(tail)
}

// next returns the group at an offset: that of the corrupt file if it is valid there, else
// that of the copy. It returns nil after the last group of both.
func (m *mending) next(at int64, tail Tail) (g *group, fromCopy bool, err error) {
	if m.own != nil {
		m.own.offset, m.own.tail = at, tail
		if g, err := m.own.next(); err == nil {
			return &g, false, nil // any error means that the file is corrupt here
		}
	}
	found, err := m.source.next(at, tail)
	complete := m.own != nil && tail.Index >= m.needed()
	if errors.Is(err, errNoGroup) || complete && errors.Is(err, ErrCannotMend) {
		return nil, false, nil // a copy may continue with groups of another history
	}
	if err != nil {
		return nil, false, fmt.Errorf("reading the copy: %w", err)
	}
	return &found, true, nil
}

// needed returns the index of the last valid group after the corrupt ones.
func (m *mending) needed() uint64 { return max(m.corrupt.Later.Index, m.later.Index) }

// checkNext returns an error if the segment that follows does not continue the tail.
func (m *mending) checkNext(tail Tail) error {
	l := &Log{dir: m.dir, options: Options{ReadOnly: true}}
	bases, err := l.list()
	if err != nil {
		return err
	}
	for _, base := range bases {
		if base <= m.corrupt.Base {
			continue
		}
		next, err := openSegment(l.dir.Open, l.path(segmentName(base)), base)
		if err != nil {
			return nil // it is corrupt too, and mended after this one
		}
		if err := next.file.Close(); err != nil {
			return err
		}
		if next.header.previous == m.corrupt.Base && next.header.tail != tail {
			return fmt.Errorf("%w: it ends with group %d, and the next segment continues group %d", ErrCannotMend, tail.Index, next.header.tail.Index)
		}
		return nil
	}
	return nil
}

// Cut truncates the last segment to a point. What follows must have been kept elsewhere.
func Cut(dir vfs.Dir, end Point) error {
	file, err := dir.OpenWrite(segmentName(end.Base))
	if err != nil {
		return err
	}
	return errors.Join(cutFile(file, end.Offset), file.Close())
}

// cutFile removes everything after end, adds padding of zeros, and makes that durable.
func cutFile(file vfs.File, end int64) error {
	if err := file.Truncate(end); err != nil {
		return err
	}
	return vfs.TruncateFile(file, end+paddingBytes)
}

// Keep copies a segment from an offset on into another directory, durably, and returns the
// name of the file there. It never replaces a file.
func Keep(dir vfs.Dir, base uint64, from int64, into vfs.Dir) (name string, bytes int64, err error) {
	names, err := into.List()
	if err != nil {
		return "", 0, err
	}
	name = unusedName(names, fmt.Sprintf("%s-%d", segmentName(base), from))
	source, err := dir.Open(segmentName(base))
	if err != nil {
		return "", 0, err
	}
	defer source.Close()
	file, err := vfs.CreateFile(into, name+nextSuffix, name, func(f vfs.File) error {
		bytes, err = copyReadable(f, source, from)
		return err
	})
	if err == nil {
		err = file.Close()
	}
	return name, bytes, err
}

// unusedName returns a name, with a number after it if the name exists.
func unusedName(names []string, name string) string {
	exists := map[string]bool{}
	for _, n := range names {
		exists[n] = true
	}
	free := name
	for i := 2; exists[free]; i++ {
		free = fmt.Sprintf("%s-%d", name, i)
	}
	return free
}

// copyReadable copies a file from an offset on, to the start of another one. What the disk
// cannot read is copied as zeros.
func copyReadable(to io.WriterAt, from vfs.File, offset int64) (bytes int64, err error) {
	size, err := from.Size()
	if err != nil {
		return 0, err
	}
	const unreadable = 4096 // is tried at a time after an error
	window := make([]byte, scanWindow)
	for at := offset; at < size; {
		part := window[:min(int64(len(window)), size-at)]
		if _, err := from.ReadAt(part, at); err != nil && !errors.Is(err, io.EOF) {
			if len(part) > unreadable {
				window = window[:unreadable]
				continue
			}
			clear(part)
		}
		if _, err := to.WriteAt(part, at-offset); err != nil {
			return at - offset, err
		}
		at += int64(len(part))
		window = window[:cap(window)]
	}
	return max(size-offset, 0), nil
}
