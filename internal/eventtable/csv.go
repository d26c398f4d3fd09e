package eventtable

import (
	"bytes"
	"encoding/base64"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
)

// header has the names of the columns of CSV.
const header = "position,recorded_at,type,tags,uuid,metadata,data,data_encoding,tracking_source,tracking_position\n"

// timeFormat is RFC 3339 with microseconds.
const timeFormat = "2006-01-02T15:04:05.000000Z07:00"

// csvWriter writes CSV as in RFC 4180, with newlines as line ends. Unlike encoding/csv, it
// quotes all text: an empty text differs from a missing value, which is not quoted.
type csvWriter struct {
	out  io.Writer
	line []byte // scratch
	json []byte // scratch
}

// NewCSV returns a writer of CSV with a header. The output should have a buffer.
func NewCSV(out io.Writer) (Writer, error) {
	_, err := io.WriteString(out, header)
	return &csvWriter{out: out}, err
}

// Write writes a line. Its data may have several.
func (w *csvWriter) Write(e *dcb.SequencedEvent) error {
	line := strconv.AppendUint(w.line[:0], e.Position, 10)
	line = append(line, ',')
	if !e.RecordedAt.IsZero() {
		line = e.RecordedAt.UTC().Truncate(Precision).AppendFormat(line, timeFormat)
	}
	line = appendQuoted(append(line, ','), e.Event.Type)
	w.json = ndjson.AppendTags(w.json[:0], e.Event.Tags)
	line = appendQuoted(append(line, ','), w.json)
	line = append(line, ',')
	if e.Event.UUID != "" {
		line = appendQuoted(line, e.Event.UUID)
	}
	w.json = ndjson.AppendMetadata(w.json[:0], e.Event.Metadata)
	line = appendQuoted(append(line, ','), w.json)
	line = appendData(append(line, ','), e.Event.Data)
	line = append(line, ',')
	if e.Tracking != nil {
		line = append(appendQuoted(line, e.Tracking.Source), ',')
		line = strconv.AppendUint(line, e.Tracking.Position, 10)
	} else {
		line = append(line, ',')
	}
	w.line = append(line, '\n')
	_, err := w.out.Write(w.line)
	if cap(w.line) > 1<<20 {
		w.line = nil // do not keep the buffer of one large event
	}
	return err
}

// Close does nothing: each line is complete.
func (w *csvWriter) Close() error { return nil }

// appendData appends the columns data and data_encoding. Many programs end a text at a NUL.
func appendData(line, data []byte) []byte {
	if utf8.Valid(data) && !bytes.Contains(data, []byte{0}) {
		return append(appendQuoted(line, data), `,"text"`...)
	}
	line = base64.StdEncoding.AppendEncode(append(line, '"'), data)
	return append(line, `","base64"`...)
}

// appendQuoted appends a quoted field.
func appendQuoted[T string | []byte](line []byte, text T) []byte {
	line = append(line, '"')
	for i := range len(text) {
		if text[i] == '"' {
			line = append(line, '"')
		}
		line = append(line, text[i])
	}
	return append(line, '"')
}
