package console

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"html/template"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// payload is the data of an event for display.
type payload struct {
	Position uint64
	Size     int
	// JSON is the data with indentation and highlighting; empty if it is not JSON.
	JSON template.HTML
	// Text is the data if it is text, but not JSON.
	Text string
	// Hex is a hexadecimal dump, if the data is neither.
	Hex string
	// Cut is set if there is more data than this.
	Cut bool
	// View is the view that shows it: empty for JSON, "text", "hex" or "none".
	View string
}

const (
	// listedBytes is the maximum size of data in a list of events, shownBytes that on a page of its
	// own. A dump is five times as large as the data.
	listedBytes = 8 << 10
	shownBytes  = 1 << 20
)

// newPayload returns data in a view, at most about so many bytes of it. Data that is not JSON is shown as text, and
// data that is not text as a dump.
func newPayload(position uint64, data []byte, view string, most int) payload {
	p := payload{Position: position, Size: len(data), View: view}
	switch {
	case view == "none" || len(data) == 0:
		return p
	case view == "" && len(data) <= shownBytes && jsontext.Value(data).IsValid():
		p.JSON, p.Cut = highlight(data, most)
		return p
	case view == "hex" || view != "text" && !utf8.Valid(data):
		p.View = "hex"
		shown := data[:min(len(data), most/5)]
		p.Hex, p.Cut = hex.Dump(shown), len(shown) < len(data)
		return p
	}
	p.View = "text"
	shown := cutText(data, most)
	p.Text, p.Cut = strings.ToValidUTF8(string(shown), "\ufffd"), len(shown) < len(data)
	return p
}

// Views returns the links to other views of the data.
func (p payload) Views() (choices []viewChoice) {
	for _, v := range views[:3] {
		choices = append(choices, viewChoice{v.value, v.label, link("/data", "position", p.Position, "view", v.value), p.View == v.value})
	}
	return choices
}

// cutText returns at most so many bytes of text, without half a character at the end.
func cutText(text []byte, most int) []byte {
	if len(text) <= most {
		return text
	}
	for n := most; n > most-utf8.UTFMax; n-- {
		if utf8.RuneStart(text[n]) {
			return text[:n]
		}
	}
	return text[:most]
}

// highlight returns valid JSON with indentation, in which tokens are elements with classes. It stops
// after so many bytes, and reports whether it has.
func highlight(data []byte, most int) (html template.HTML, isCut bool) {
	var indented bytes.Buffer
	if json.Indent(&indented, data, "", "  ") != nil {
		return template.HTML(template.HTMLEscapeString(string(data))), false //nolint:gosec // it is escaped
	}
	var out strings.Builder
	text, left := indented.Bytes(), most
	for len(text) > 0 && left > 0 {
		n, class := token(text)
		shown := cutText(text[:n], left)
		part := template.HTMLEscapeString(string(shown))
		if class != "" {
			part = `<span class="` + class + `">` + part + `</span>`
		}
		out.WriteString(part)
		text, left = text[len(shown):], left-n
	}
	return template.HTML(out.String()), len(text) > 0 //nolint:gosec // each token is escaped
}

// token returns the length of the first token of JSON, and its class.
func token(text []byte) (n int, class string) {
	switch c := text[0]; {
	case c == '"':
		for n = 1; text[n] != '"'; n++ {
			if text[n] == '\\' {
				n++
			}
		}
		n++
		if n < len(text) && text[n] == ':' {
			return n, "json-name"
		}
		return n, "json-string"
	case c == '-' || c >= '0' && c <= '9', c >= 'a' && c <= 'z':
		for n = 1; n < len(text) && !bytes.ContainsRune([]byte(" ,]}\n"), rune(text[n])); n++ {
		}
		return n, "json-literal"
	}
	for n = 1; n < len(text) && bytes.ContainsRune([]byte(" \n{}[],:"), rune(text[n])); n++ {
	}
	return n, ""
}
