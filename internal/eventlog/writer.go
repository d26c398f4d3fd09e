package eventlog

import "github.com/umadb-go/umadb/internal/vfs"

// Writer writes the groups that the Appender of the log has sealed, in their order.
type Writer struct {
	log     *Log
	segment *Segment
	end     int64 // of what was written in the segment
}

// Write writes a sealed group. All groups before it must have been written and
// synced. If Write fails, the log must not be written again.
func (w *Writer) Write(s *Sealed) error {
	if s.roll != nil {
		if err := w.rollTo(s); err != nil {
			return err
		}
	}
	if _, err := w.segment.file.WriteAt(s.bytes, s.Offset); err != nil {
		return err
	}
	w.end = s.Offset + int64(len(s.bytes))
	return nil
}

// Sync makes all written groups durable. If it fails, the groups written since the
// last sync may or may not be on the disk, and another Sync cannot determine which.
func (w *Writer) Sync() error { return w.segment.file.Sync() }

// rollTo installs the next segment and truncates the full one to its content.
func (w *Writer) rollTo(s *Sealed) error {
	if err := w.log.install(s.file, s.roll); err != nil {
		return err
	}
	full, end := w.segment, w.end
	base := s.roll.tail.Next
	segment := &Segment{Name: w.log.path(segmentName(base)), Base: base, header: *s.roll, file: s.file}
	segments := append(append([]*Segment(nil), w.log.Segments()...), segment)
	w.log.segments.Store(&segments)
	w.segment, w.end = segment, segmentHeaderBytes
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
