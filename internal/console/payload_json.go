package console

import (
	"bytes"
	"html/template"
	"io"
	"strings"
)

const (
	// indentedDepth is the depth of nesting up to which each value of JSON has a line of its own.
	// Deeper values are on one line, since indentation multiplies the size of text by the depth.
	indentedDepth = 32
	// markupCost is how many bytes of HTML a byte of text may have on average.
	markupCost = 6
)

// highlight returns valid JSON with indentation, in which tokens are elements with classes. It shows
// at most so many bytes of text, indentation included, and reports whether there are more.
func highlight(data []byte, most int) (html template.HTML, isCut bool) {
	var out strings.Builder
	isCut = writeHighlighted(&out, data, most)
	return template.HTML(out.String()), isCut //nolint:gosec // each token is escaped
}

// writeHighlighted writes what highlight returns.
func writeHighlighted(out io.StringWriter, data []byte, most int) (isCut bool) {
	h := highlighter{out: out, text: most, markup: markupCost * most}
	for data = skipSpace(data); len(data) > 0; data = skipSpace(data) {
		n, class := token(data)
		h.space(data[0])
		if h.text <= 0 || h.markup <= 0 {
			return true
		}
		if shown := cutText(data[:n], h.text); len(shown) < n {
			h.token(shown, class)
			return true
		}
		h.token(data[:n], class)
		h.previous, data = data[0], data[n:]
	}
	return false
}

// highlighter writes JSON with indentation.
type highlighter struct {
	out    io.StringWriter
	text   int // bytes of text that may still be written
	markup int // bytes of HTML that may still be written
	depth  int
	// previous is the first byte of the last token; 0 if there is none.
	previous byte
}

// space writes the space before a token that begins with a byte.
func (h *highlighter) space(next byte) {
	isFirst := h.previous == '{' || h.previous == '['
	breaks := isFirst || h.previous == ','
	inside := h.depth
	switch next {
	case '}', ']':
		h.depth--
		breaks = !isFirst // an empty object or list is on one line
	case '{', '[':
		h.depth++
	}
	indentation := inside
	if next == '}' || next == ']' {
		indentation = h.depth
	}
	switch {
	case breaks && inside <= indentedDepth:
		h.token([]byte("\n"+strings.Repeat("  ", indentation)), "")
	case h.previous == ':' || h.previous == ',':
		h.token([]byte(" "), "")
	}
}

// token writes a part of a token with a class, which may be empty.
func (h *highlighter) token(text []byte, class string) {
	part := template.HTMLEscapeString(string(text))
	if class != "" {
		part = `<span class="` + class + `">` + part + `</span>`
	}
	h.out.WriteString(part) // it is a buffer
	h.text, h.markup = h.text-len(text), h.markup-len(part)
}

// skipSpace returns JSON from its next token on.
func skipSpace(text []byte) []byte { return bytes.TrimLeft(text, " \t\r\n") }

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
		if after := skipSpace(text[n:]); len(after) > 0 && after[0] == ':' {
			return n, "json-name"
		}
		return n, "json-string"
	case c == '-' || c >= '0' && c <= '9', c >= 'a' && c <= 'z':
		if n = bytes.IndexAny(text, " \t\r\n,]}"); n < 0 {
			n = len(text)
		}
		return n, "json-literal"
	}
	return 1, ""
}
