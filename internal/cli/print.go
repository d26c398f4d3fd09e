package cli

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/fatih/color"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
)

// printBuffer is the size of the output buffer in bytes.
const printBuffer = 64 << 10

// printer writes events as lines of JSON, or as text for people.
type printer struct {
	w       *bufio.Writer
	asJSON  bool
	palette palette
	scratch []byte
}

func newPrinter(w io.Writer, asJSON bool) *printer {
	return &printer{w: bufio.NewWriterSize(w, printBuffer), asJSON: asJSON, palette: newPalette(wantsColour(w))}
}

// print writes an event to the buffer.
func (p *printer) print(e *dcb.SequencedEvent) error {
	if p.asJSON {
		p.scratch = ndjson.AppendEvent(p.scratch[:0], e)
	} else {
		p.scratch = p.palette.appendEvent(p.scratch[:0], e)
	}
	_, err := p.w.Write(p.scratch)
	return err
}

// flush writes the buffer to the output.
func (p *printer) flush() error { return p.w.Flush() }

// printAll prints the events of a read, flushes after each batch, and returns the number of
// events.
func (p *printer) printAll(response *dcb.ReadResponse) (count uint64, err error) {
	defer response.Close()
	for {
		events, err := response.NextBatch()
		if errors.Is(err, io.EOF) {
			return count, nil
		}
		if err != nil {
			return count, err
		}
		for i := range events {
			if err := p.print(&events[i]); err != nil {
				return count, err
			}
		}
		count += uint64(len(events))
		if err := p.flush(); err != nil {
			return count, err
		}
	}
}

const (
	// dataIndent indents each line of data, and noteIndent each other line after the first
	// line of an event. So data cannot be mistaken for other lines.
	dataIndent = "    "
	noteIndent = "  "

	// base64Mark precedes data that is not text.
	base64Mark = "base64:"
)

// palette contains the colours of the parts of an event.
type palette struct {
	position, kind, tag, note paint
}

// paint is a colour. The zero value has none.
type paint struct{ *color.Color }

// newPalette returns a palette with or without colours. It does not use the detection of
// the library, which depends on the standard output of the process.
func newPalette(colours bool) palette {
	if !colours {
		return palette{}
	}
	in := func(attributes ...color.Attribute) paint {
		c := color.New(attributes...)
		c.EnableColor()
		return paint{c}
	}
	return palette{
		position: in(color.FgYellow),
		kind:     in(color.FgCyan, color.Bold),
		tag:      in(color.FgGreen),
		note:     in(color.Faint),
	}
}

// append appends text in the colour.
func (p paint) append(dst []byte, text []byte) []byte {
	if p.Color == nil {
		return append(dst, text...)
	}
	return append(dst, p.Sprint(string(text))...)
}

// appendEvent appends an event as text for people: a line with position, type and tags, then
// its data, then its other fields.
func (p *palette) appendEvent(dst []byte, e *dcb.SequencedEvent) []byte {
	var scratch [64]byte
	dst = p.position.append(dst, strconv.AppendUint(scratch[:0], e.Position, 10))
	dst = p.kind.append(append(dst, ' '), appendWord(scratch[:0], e.Event.Type, ""))
	for _, tag := range e.Event.Tags {
		dst = p.tag.append(append(dst, ' '), appendWord(scratch[:0], tag, ""))
	}
	dst = appendDataLines(append(dst, '\n'), e.Event.Data)
	if !e.RecordedAt.IsZero() {
		dst = e.RecordedAt.UTC().AppendFormat(p.appendNote(dst, "recorded"), time.RFC3339Nano)
		dst = append(dst, '\n')
	}
	if e.Event.UUID != "" {
		dst = appendWord(p.appendNote(dst, "uuid"), e.Event.UUID, "")
		dst = append(dst, '\n')
	}
	if len(e.Event.Metadata) > 0 {
		dst = p.appendNote(dst, "metadata")
		for i, m := range e.Event.Metadata {
			if i > 0 {
				dst = append(dst, ' ')
			}
			dst = append(appendWord(dst, m.Key, "="), '=')
			dst = appendWord(dst, m.Value, "")
		}
		dst = append(dst, '\n')
	}
	if e.Tracking != nil {
		dst = append(appendWord(p.appendNote(dst, "tracking"), e.Tracking.Source, ""), '=')
		dst = append(strconv.AppendUint(dst, e.Tracking.Position, 10), '\n')
	}
	return dst
}

// appendNote appends the start of a line that is not data.
func (p *palette) appendNote(dst []byte, name string) []byte {
	return append(p.note.append(append(dst, noteIndent...), []byte(name)), ' ')
}

// appendDataLines appends text unchanged, and other data in base64. It omits one trailing
// line end.
func appendDataLines(dst, data []byte) []byte {
	if len(data) == 0 {
		return dst
	}
	if !isText(data) || bytes.HasPrefix(data, []byte(base64Mark)) {
		dst = append(append(dst, dataIndent...), base64Mark...)
		return append(base64.StdEncoding.AppendEncode(dst, data), '\n')
	}
	for text := range bytes.Lines(data) {
		text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
		if len(text) > 0 {
			dst = append(append(dst, dataIndent...), text...)
		}
		dst = append(dst, '\n')
	}
	return dst
}
