package eventlog

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/umadb-go/umadb/internal/vfs"
)

// repairTemp is the name of a segment while Repair writes it. Open removes it, as it does
// next segments.
const repairTemp = nextPrefix + "repair" + nextSuffix

// ErrCannotRepair is returned by Repair if the result would lack groups. Nothing has changed.
var ErrCannotRepair = errors.New("the copy does not contain what is missing")

// Repaired describes a segment that Repair has written.
type Repaired struct {
	Bytes  int64
	Groups uint64 // all groups in it
	Copied uint64 // those from the copy
}

// Repair writes a corrupt or missing segment again, from its own valid groups and, for all
// others, those of the same segment of a copy of the log, which has the same bytes. It verifies
// the chain from the header to the next segment, and that no valid group of the corrupt file is
// lost. The new file replaces the corrupt one at the end, so a crash leaves one of them.
// before is called before that, and an error from it ends Repair. If the result is not zero,
// the segment was replaced, although there may be an error afterwards.
func (i *Inspection) Repair(corrupt *Inspected, source *RepairSource, before func() error) (result Repaired, err error) {
	r := repair{log: i.log, corrupt: corrupt, source: source, next: i.headerAfter(corrupt.Base)}
	if err := i.checkHeader(&source.header); err != nil {
		return result, err
	}
	if !corrupt.Missing {
		own, err := i.log.dir.Open(segmentName(corrupt.Base))
		if err != nil {
			return result, err
		}
		defer own.Close()
		if err := r.openOwn(own); err != nil {
			return result, err
		}
	}
	err = r.replace(func() error {
		if err := before(); err != nil || !corrupt.Missing || !corrupt.Last {
			return err
		}
		return i.seal(&i.files[len(i.files)-1])
	})
	if err != nil {
		return result, err
	}
	if err := i.inspectAgain(corrupt.Base); err != nil {
		return r.result, err
	}
	for _, s := range i.Segments() {
		if s.Base == corrupt.Base && s.Corruption != nil {
			return r.result, fmt.Errorf("%s is still corrupt: %w", s.Name, s.Corruption)
		}
	}
	return r.result, nil
}

// seal truncates the last segment to its end, as rolling to the next one does.
func (i *Inspection) seal(last *inspectedFile) error {
	file, err := i.log.dir.OpenWrite(segmentName(last.Base))
	if err != nil {
		return err
	}
	return errors.Join(vfs.TruncateFile(file, last.End.Offset), file.Close())
}

// checkHeader returns an error if the header of a copy cannot be that of a segment.
func (i *Inspection) checkHeader(h *segmentHeader) error {
	for _, file := range i.files {
		switch end := file.End; {
		case file.header == nil:
		case file.Store != h.store:
			return fmt.Errorf("%w: it is a copy of another store", ErrCannotRepair)
		case file.Base == h.previous && file.Corruption == nil && end.Tail != h.tail:
			return fmt.Errorf("%w: its segment %s continues group %d, and the segment before it ends with group %d", ErrCannotRepair, segmentName(h.tail.Next), h.tail.Index, end.Tail.Index)
		}
	}
	return nil
}

// headerAfter returns the header of the segment that follows the one with a base, nil if it
// is unknown.
func (i *Inspection) headerAfter(base uint64) *segmentHeader {
	for _, file := range i.files {
		if file.header != nil && file.header.previous == base {
			return file.header
		}
	}
	return nil
}

// repair is the writing of a segment.
type repair struct {
	log     *Log
	corrupt *Inspected
	source  *RepairSource
	own     *scanner       // nil if there is no file
	later   Tail           // after the last valid group of the corrupt file
	next    *segmentHeader // of the next segment; nil if it is unknown
	result  Repaired
}

// openOwn opens a scanner of the corrupt file, whose header is that of the copy, and finds
// its last valid group.
func (r *repair) openOwn(file vfs.File) error {
	size, err := file.Size()
	if err != nil {
		return err
	}
	readable := &salvager{File: file}
	h := &r.source.header
	r.own = &scanner{
		r: readable, size: size, name: r.corrupt.Name, id: h.store, interrupted: r.log.options.Interrupted,
		tail: h.tail, offset: segmentHeaderBytes,
	}
	b := make([]byte, segmentHeaderBytes)
	if _, err := readable.ReadAt(b, 0); err == nil {
		if own, err := decodeSegmentHeader(b); err == nil && own != *h {
			return fmt.Errorf("%w: its segment %s has another header", ErrCannotRepair, segmentName(r.corrupt.Base))
		}
	}
	r.later = r.corrupt.Later
	if r.corrupt.End.Offset == 0 { // without its header, it could not be inspected
		_, later, err := r.own.laterGroups()
		if err != nil {
			return err
		}
		if later.Index > r.later.Index {
			r.later = later
		}
	}
	return nil
}

// replace writes the segment under a temporary name, calls before, and renames it.
func (r *repair) replace(before func() error) error {
	file, err := vfs.CreateFile(r.log.dir, repairTemp, segmentName(r.corrupt.Base), func(f vfs.File) error {
		if err := r.write(f); err != nil {
			return err
		}
		return before()
	})
	if err != nil {
		return err
	}
	return file.Close()
}

// write writes the whole segment.
func (r *repair) write(file vfs.File) error {
	w := bufio.NewWriterSize(io.NewOffsetWriter(file, 0), receiveBytes)
	if _, err := w.Write(r.source.header.encode()); err != nil {
		return err
	}
	at, tail, last := int64(segmentHeaderBytes), r.source.header.tail, Kind(0)
	for {
		g, fromCopy, err := r.groupAt(at, tail)
		if err != nil {
			return err
		}
		if g == nil {
			break
		}
		for _, part := range [][]byte{g.header, g.payload} {
			if _, err := w.Write(part); err != nil {
				return err
			}
		}
		r.result.Groups++
		if fromCopy {
			r.result.Copied++
		}
		at, tail, last = at+int64(len(g.header)+len(g.payload)), g.Tail(), g.Kind
	}
	if err := r.checkEnd(tail); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	r.result.Bytes = at
	if r.corrupt.Last && last != KindClose {
		at += paddingBytes
	}
	return file.Truncate(at)
}

// groupAt returns the group at an offset: that of the corrupt file if it is valid there, else
// that of the copy. It returns nil after the last group of both.
func (r *repair) groupAt(at int64, tail Tail) (g *group, fromCopy bool, err error) {
	if r.next != nil && tail.Index >= r.next.tail.Index {
		return nil, false, nil // a copy may continue with groups of another history
	}
	if r.own != nil {
		r.own.offset, r.own.tail = at, tail
		if g, err := r.own.next(); err == nil {
			return &g, false, nil // any error means that the file is corrupt here
		}
	}
	if err := r.log.options.Interrupted(); err != nil {
		return nil, false, err
	}
	found, err := r.source.next(at, tail)
	complete := r.own != nil && tail.Index >= r.later.Index
	if errors.Is(err, errNoGroup) || complete && errors.Is(err, ErrCannotRepair) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("reading the copy: %w", err)
	}
	return &found, true, nil
}

// checkEnd returns an error if a segment that ends with tail lacks groups, or if the segment
// that follows does not continue it.
func (r *repair) checkEnd(tail Tail) error {
	needed := r.later.Index
	if !r.source.followed() { // else the segments that follow may have the durable group
		needed = max(needed, r.corrupt.Durable)
	}
	if tail.Index < needed {
		return fmt.Errorf("%w: it ends with group %d, and group %d is needed to continue", ErrCannotRepair, tail.Index, needed)
	}
	if r.next != nil && r.next.tail != tail {
		return fmt.Errorf("%w: it ends with group %d, and the next segment continues group %d", ErrCannotRepair, tail.Index, r.next.tail.Index)
	}
	return nil
}
