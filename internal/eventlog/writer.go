package eventlog

import (
	"sync"

	"github.com/umadb-go/umadb/internal/vfs"
)

// Writer writes the groups that the Appender of the log has sealed, in their order. In a
// replica, one goroutine may call Sync while another calls Write.
type Writer struct {
	log *Log

	mu      sync.Mutex // guards the fields below
	segment *Segment
	end     int64 // of what was written in the segment
	tail    Tail  // after the last group written
	durable Tail  // after the last group synced
}

// Write writes a sealed group, or a series. All groups before it must have been written and, unless the
// log is that of a replica, synced. If Write fails, the log must not be written again.
func (w *Writer) Write(s *Sealed) error {
	mark := w.endSeries
	if s.isSeries() {
		mark = w.allowSeries
	}
	if err := mark(); err != nil {
		return err
	}
	if s.roll != nil {
		if err := w.rollTo(s); err != nil {
			return err
		}
	}
	if _, err := w.segment.file.WriteAt(s.bytes, s.offset); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end, w.tail = s.offset+int64(len(s.bytes)), s.Tail()
	return nil
}

// Sync makes all written groups durable. If it fails, the groups written since the
// last sync may or may not be on the disk, and another Sync cannot determine which.
func (w *Writer) Sync() error {
	w.mu.Lock()
	segment, tail, durable := w.segment, w.tail, w.durable
	w.mu.Unlock()
	if tail.Index == durable.Index {
		return nil
	}
	return w.sync(segment, tail)
}

// sync syncs a segment. Then the log is durable up to tail.
func (w *Writer) sync(segment *Segment, tail Tail) error {
	if err := segment.file.Sync(); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if tail.Index <= w.durable.Index {
		return nil
	}
	w.durable = tail
	return w.log.noteDurable(tail.Index)
}

// Durable returns the state of the log after the last group that is known to be durable.
func (w *Writer) Durable() Tail {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.durable
}

// rollTo installs the next segment and truncates the full one to its content.
func (w *Writer) rollTo(s *Sealed) error {
	full, end := w.segment, w.end
	if w.log.options.Replica { // only the last segment may be unsound after a crash
		if err := w.endSegment(full, end); err != nil {
			return err
		}
		if err := w.sync(full, w.tail); err != nil {
			return err
		}
	}
	if err := w.log.install(s.file, s.roll); err != nil {
		return err
	}
	base := s.roll.tail.Next
	segment := &Segment{Name: w.log.path(segmentName(base)), Base: base, header: *s.roll, file: s.file}
	segments := append(append([]*Segment(nil), w.log.Segments()...), segment)
	w.log.segments.Store(&segments)
	w.mu.Lock()
	w.segment, w.end = segment, segmentHeaderBytes
	w.mu.Unlock()
	if w.log.options.Replica {
		return nil
	}
	return w.endSegment(full, end)
}

// endSegment truncates a full segment to its content.
func (w *Writer) endSegment(full *Segment, end int64) error {
	if err := full.file.Truncate(end); err != nil {
		return err
	}
	w.log.setAllocated(full.file, end)
	return nil
}

// endsWithClose reports whether the last group, which ends at the tail, is a clean-close
// record.
func (w *Writer) endsWithClose(tail Tail) (bool, error) {
	at := w.end - groupHeaderBytes
	if at < segmentHeaderBytes {
		return false, nil
	}
	b := make([]byte, groupHeaderBytes)
	if err := w.segment.ReadAt(b, at); err != nil {
		return false, err
	}
	h, valid := decodeGroupHeader(b, w.log.id)
	return valid && h.Kind == KindClose && h.Index == tail.Index, nil
}

// truncate truncates the file to the end of what was written.
func (w *Writer) truncate() error { return vfs.TruncateFile(w.segment.file, w.end) }
