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
	Size int
	// JSON is the data with indentation and highlighting; empty if it is not JSON.
	JSON template.HTML
	// Text is the data if it is text, but not JSON.
	Text string
	// Hex is a hexadecimal dump, if the data is neither.
	Hex string
}

// maxShown is the maximum size of data that a page shows.
const maxShown = 256 << 10

func newPayload(data []byte) payload {
	p := payload{Size: len(data)}
	switch {
	case len(data) > maxShown:
		p.Hex = hex.Dump(data[:1024])
	case jsontext.Value(data).IsValid():
		p.JSON = highlight(data)
	case utf8.Valid(data):
		p.Text = string(data)
	default:
		p.Hex = hex.Dump(data)
	}
	return p
}

// highlight returns valid JSON with indentation, in which tokens are elements with classes.
func highlight(data []byte) template.HTML {
	var indented bytes.Buffer
	if json.Indent(&indented, data, "", "  ") != nil {
		return template.HTML(template.HTMLEscapeString(string(data))) //nolint:gosec // it is escaped
	}
	var out strings.Builder
	text := indented.Bytes()
	for len(text) > 0 {
		n, class := token(text)
		part := template.HTMLEscapeString(string(text[:n]))
		if class != "" {
			part = `<span class="` + class + `">` + part + `</span>`
		}
		out.WriteString(part)
		text = text[n:]
	}
	return template.HTML(out.String()) //nolint:gosec // each token is escaped
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
