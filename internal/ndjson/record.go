package ndjson

import (
	"errors"
	"io"

	"github.com/umadb-go/umadb/dcb"
)

// Record is a line of an export: an event, a tracking-only record (at position 0), or the
// end, which confirms that the records are complete.
type Record struct {
	dcb.SequencedEvent
	End  *End // nil except in the last line
	Line int  // its line number; 0 if the record does not come from a line
}

// RecordWriter writes an export: records, one per line.
type RecordWriter struct {
	out  io.Writer
	text []byte
	sum  checksum // of the lines written so far
}

// NewRecordWriter returns a writer of an export to out.
func NewRecordWriter(out io.Writer) *RecordWriter { return &RecordWriter{out: out} }

// Write writes a record. The end has the checksum of the lines before it.
func (w *RecordWriter) Write(r *Record) error {
	switch {
	case r.End != nil:
		w.text = appendEnd(w.text[:0], r.End.Head, w.sum)
	case r.Position == 0:
		w.text = appendTracking(w.text[:0], r.Tracking)
	default:
		w.text = AppendEvent(w.text[:0], &r.SequencedEvent)
	}
	if _, err := w.out.Write(w.text); err != nil {
		return err
	}
	w.sum.add(w.text)
	if cap(w.text) > 1<<20 {
		w.text = nil // do not keep the buffer of one large event
	}
	return nil
}

// RecordReader reads an export.
type RecordReader struct {
	*Reader
	sum checksum // of the lines read so far
}

// ErrIncomplete is returned for an export without an end.
var ErrIncomplete = errors.New("the export is incomplete: it has no end line")

// Next returns the record of the next line. The caller must not call it after the end.
// Errors other than ErrIncomplete contain the line number.
func (r *RecordReader) Next() (Record, error) {
	text, err := r.ReadLine()
	last := errors.Is(err, io.EOF)
	switch {
	case last && len(text) == 0, errors.Is(err, io.ErrUnexpectedEOF):
		return Record{}, ErrIncomplete
	case err != nil && !last:
		return Record{}, r.At(err)
	}
	l, err := parseLine(text)
	switch {
	case err != nil && last:
		return Record{}, ErrIncomplete // it is probably only a part of a line
	case err != nil:
		return Record{}, r.At(err)
	}
	next, err := l.record()
	next.Line = r.number
	if err == nil && next.End != nil {
		err = next.End.verify(r.sum)
	}
	r.sum.add(text)
	r.sum.add([]byte{'\n'})
	if err == nil && next.End != nil {
		return next, r.ended()
	}
	return next, r.At(err)
}

// record returns the record of the line.
func (l *line) record() (r Record, err error) {
	switch {
	case l.End != nil && (l.Tracking != nil || l.hasEvent()):
		err = errors.New("it has an end and other fields")
	case l.End != nil:
		r.End = l.End
	case l.isTracking():
		r.Tracking = l.trackingInfo()
	case l.Position == nil || *l.Position == 0:
		err = errors.New("it has no position; umadb export writes one on each line, and umadb append reads lines without")
	default:
		r.Position, r.RecordedAt, r.Tracking = *l.Position, l.RecordedAt.Time, l.trackingInfo()
		r.Event, err = l.event()
	}
	return r, err
}

// ended returns an error if data follows the end line.
func (r *RecordReader) ended() error {
	_, err := r.in.ReadByte()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		return ErrIncomplete
	case err == nil:
		err = errors.New("there is data after the end line; import one export at a time")
	}
	r.number++
	return r.At(err)
}
