package eventlog

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/umadb-go/umadb/internal/vfs"
)

// receiveBytes is how many bytes of groups a Receiver collects before it writes them.
const receiveBytes = 1 << 20

// ErrNotNext is returned by Receiver.Write for a group that is invalid or does not
// continue the copy. The group is not written.
var ErrNotNext = errors.New("the group does not continue the copy")

// Receiver writes the groups of a log to a copy of it, whose segments have the same
// bytes. It verifies each group first. The groups before a synced one survive a crash,
// and a copy that a crash interrupted can be opened as any other log. One goroutine uses
// a Receiver.
type Receiver struct {
	log     *Log
	copying vfs.File     // the open file copyingName
	segment *Segment     // the last one; nil if there is none
	next    *segmentFile // allocated by Reserve for the next segment, or nil
	checker Checker      // after the last group, buffered ones included
	end     int64        // of the last group in the segment, buffered groups included
	buffer  []byte       // groups not yet written
	durable Tail
	err     error // of a failed write or sync; then nothing more is written
}

// OpenReceiver continues the copy in a directory, or starts one if the directory is
// empty. The caller must have locked the directory, and must keep it open as long as the
// Receiver.
func OpenReceiver(dir vfs.Dir) (*Receiver, error) {
	r := &Receiver{log: &Log{dir: dir, options: Options{keepCopying: true}}, checker: Checker{Tail: Tail{Next: 1}}}
	bases, err := r.log.list()
	if err != nil {
		return nil, err
	}
	if len(bases) > 0 {
		err = r.continueLog(dir)
	} else {
		r.log.segments.Store(new([]*Segment))
	}
	if err != nil {
		return nil, err
	}
	r.durable = r.checker.Tail
	if r.copying, err = r.log.createCopying(r.durable.Index); err != nil {
		return nil, errors.Join(err, r.closeSegments())
	}
	return r, nil
}

// continueLog opens the log of an existing copy.
func (r *Receiver) continueLog(dir vfs.Dir) error {
	log, appender, writer, err := Open(dir, Options{keepCopying: true})
	if err != nil {
		return err
	}
	r.log, r.segment, r.end = log, writer.segment, writer.end
	r.checker = Checker{ID: log.id, Base: writer.segment.Base, Tail: appender.Tail()}
	return nil
}

// ID returns the store ID of the copy, zero if it has no segment yet.
func (r *Receiver) ID() StoreID { return r.checker.ID }

// Log returns the log of the copy, for readers of the groups that are durable.
func (r *Receiver) Log() *Log { return r.log }

// End returns the point after the last group. The copy must have a segment.
func (r *Receiver) End() Point {
	return Point{Base: r.segment.Base, Offset: r.end, Tail: r.checker.Tail}
}

// Tail returns the state of the copy after its last group, which may not be durable.
func (r *Receiver) Tail() Tail { return r.checker.Tail }

// Durable returns the state of the copy after the last group that was synced.
func (r *Receiver) Durable() Tail { return r.durable }

// Write adds a group. It uses only the bytes of g: the headers and the payload. If it
// fails with another error than ErrNotNext, the Receiver can only be closed.
func (r *Receiver) Write(g *Group) error {
	if r.err != nil {
		return r.err
	}
	next, err := r.check(g)
	if err != nil {
		return err
	}
	return r.add(&next, g.Header, g.Payload)
}

// WriteStart adds a new group with the first records of g: count events, in payload. It
// has the index and the time of g, and no group of the source can follow it.
func (r *Receiver) WriteStart(g *Group, payload []byte, count uint32) error {
	if r.err != nil {
		return r.err
	}
	next, err := r.check(g)
	h := &next.header
	if err == nil && (!bytes.HasPrefix(g.Payload, payload) || count > h.Count) {
		err = fmt.Errorf("%w: %d events in %d bytes are not the start of group %d", ErrNotNext, count, len(payload), h.Index)
	}
	if err != nil {
		return err
	}
	h.Count, h.PayloadBytes, h.PayloadCRC = count, uint32(len(payload)), Checksum(payload)
	header := make([]byte, groupHeaderBytes)
	h.encode(header, next.ID, r.checker.Tail.Chain)
	next.Tail = h.Tail()
	return r.add(&next, header, payload)
}

// check verifies that a group continues the copy.
func (r *Receiver) check(g *Group) (checked, error) {
	if g.SegmentHeader != nil && r.segment != nil && r.end == segmentHeaderBytes && bytes.Equal(g.SegmentHeader, r.segment.header.encode()) {
		started := *g // the segment was started before an interruption
		started.SegmentHeader = nil
		g = &started
	}
	return r.checker.next(g)
}

// add adds a verified group, with the header and the payload to write.
func (r *Receiver) add(next *checked, header, payload []byte) error {
	if next.roll != nil {
		if err := r.roll(next.roll); err != nil {
			return r.fail(err)
		}
	}
	r.buffer = append(append(r.buffer, header...), payload...)
	r.end += int64(len(header) + len(payload))
	r.log.setAllocated(r.segment.file, max(r.segment.file.allocated.Load(), r.end))
	r.checker = next.Checker
	if len(r.buffer) >= receiveBytes {
		return r.fail(r.flush())
	}
	return nil
}

// fail keeps an error after which the content of the disk is unknown.
func (r *Receiver) fail(err error) error {
	if err != nil {
		r.err = err
	}
	return err
}

// flush writes the collected groups.
func (r *Receiver) flush() error {
	if len(r.buffer) == 0 {
		return nil
	}
	_, err := r.segment.file.WriteAt(r.buffer, r.end-int64(len(r.buffer)))
	r.buffer = r.buffer[:0]
	return err
}

// roll makes the current segment durable, with its final length, and starts the next one.
func (r *Receiver) roll(header *segmentHeader) error {
	if r.segment != nil {
		if err := r.seal(); err != nil {
			return err
		}
	}
	file, err := r.next, error(nil)
	if r.next = nil; file == nil {
		file, err = r.log.createNext()
	}
	if err != nil {
		return err
	}
	if err := r.log.install(file, header); err != nil {
		return errors.Join(err, file.Close())
	}
	base := header.tail.Next
	r.segment = &Segment{Name: r.log.path(segmentName(base)), Base: base, header: *header, file: file}
	segments := append(r.log.Segments(), r.segment)
	r.log.segments.Store(&segments)
	r.end = segmentHeaderBytes
	return nil
}

// seal makes the segment durable and as long as its content.
func (r *Receiver) seal() error {
	if err := r.flush(); err != nil {
		return err
	}
	if r.segment == nil {
		return nil
	}
	if err := r.segment.file.Truncate(r.end); err != nil {
		return err
	}
	r.log.setAllocated(r.segment.file, r.end)
	return r.sync()
}

// Sync makes all groups durable.
func (r *Receiver) Sync() error {
	if r.err != nil {
		return r.err
	}
	if r.checker.Tail == r.durable {
		return nil
	}
	if err := r.flush(); err != nil {
		return r.fail(err)
	}
	return r.fail(r.sync())
}

// sync syncs the segment and notes which group is durable. The note need not be durable:
// an older one is true as well.
func (r *Receiver) sync() error {
	if err := r.segment.file.Sync(); err != nil {
		return err
	}
	r.durable = r.checker.Tail
	_, err := r.copying.WriteAt(encodeCopying(r.durable.Index), 0)
	return err
}

// Close makes all groups durable and closes the files. If writing has failed, it only
// closes the files.
func (r *Receiver) Close() error {
	if next := r.next; next != nil {
		r.next = nil
		if err := errors.Join(next.Close(), r.log.dir.Remove(next.name)); err != nil {
			return errors.Join(err, r.closeAll())
		}
	}
	if r.err != nil {
		return r.closeAll()
	}
	if err := r.seal(); err != nil {
		return errors.Join(err, r.closeAll())
	}
	return errors.Join(r.log.removeCopying(), r.closeAll())
}

func (r *Receiver) closeAll() error { return errors.Join(r.copying.Close(), r.closeSegments()) }

func (r *Receiver) closeSegments() (err error) {
	for _, s := range r.log.Segments() {
		err = errors.Join(err, s.file.Close())
	}
	return err
}
