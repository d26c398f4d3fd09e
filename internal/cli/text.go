package cli

import (
	"bytes"
	"encoding/base64"
	"strconv"

	"github.com/fatih/color"

	"github.com/umadb-go/umadb/dcb"
)

const (
	// dataIndent stands before each line of data, and noteIndent before what else
	// there is: so data can pass neither for that nor for another event.
	dataIndent = "    "
	noteIndent = "  "

	// base64Mark begins data that is no text.
	base64Mark = "base64:"
)

// palette says how the parts of an event look.
type palette struct {
	position, kind, tag, note paint
}

// paint is a colour, or none.
type paint struct{ *color.Color }

// newPalette gives colours, or none. It does not ask the library, which looks at
// this process's standard output, whatever is written to.
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

// append writes text in the colour.
func (p paint) append(dst []byte, text []byte) []byte {
	if p.Color == nil {
		return append(dst, text...)
	}
	return append(dst, p.Sprint(string(text))...)
}

// appendEvent writes an event for people: a line with position, type and tags,
// then its data, then what else there is.
func (p *palette) appendEvent(dst []byte, e *dcb.SequencedEvent) []byte {
	var scratch [64]byte
	dst = p.position.append(dst, strconv.AppendUint(scratch[:0], e.Position, 10))
	dst = p.kind.append(append(dst, ' '), appendWord(scratch[:0], e.Event.Type, ""))
	for _, tag := range e.Event.Tags {
		dst = p.tag.append(append(dst, ' '), appendWord(scratch[:0], tag, ""))
	}
	dst = appendDataLines(append(dst, '\n'), e.Event.Data)
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

// appendNote begins a line that is not data.
func (p *palette) appendNote(dst []byte, name string) []byte {
	return append(p.note.append(append(dst, noteIndent...), []byte(name)), ' ')
}

// appendDataLines writes text as it is, and anything else in base64. One line end
// at the end is not shown.
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
