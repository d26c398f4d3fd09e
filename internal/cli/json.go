package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// writeJSON writes a value as a line of JSON that no terminal obeys.
func writeJSON(w io.Writer, value any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err
	}
	_, err := w.Write(escapeFrom(text.Bytes(), 0))
	return err
}

// appendString writes a JSON string that no terminal obeys. What a store holds is
// valid UTF-8.
func appendString(dst []byte, text string) []byte {
	from := len(dst)
	dst, _ = jsontext.AppendQuote(dst, text)
	return escapeFrom(dst, from)
}

// escapeFrom escapes what a terminal would obey in JSON that begins at an index.
func escapeFrom(dst []byte, from int) []byte {
	if !bytes.ContainsFunc(dst[from:], needsEscape) {
		return dst
	}
	text := string(dst[from:])
	dst = dst[:from]
	for _, r := range text {
		if !needsEscape(r) {
			dst = utf8.AppendRune(dst, r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			dst = fmt.Appendf(dst, `\u%04x`, unit)
		}
	}
	return dst
}

// needsEscape tells whether a character that JSON lets stand in a string can do
// something to a terminal. JSON escapes those below a space.
func needsEscape(r rune) bool { return r >= 0x7f && commands(r) }
