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

// writeJSON writes a value as a line of JSON without characters that control a terminal.
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

// appendString appends a JSON string without characters that control a terminal. text must
// be valid UTF-8, as all text in a store is.
func appendString(dst []byte, text string) []byte {
	from := len(dst)
	dst, _ = jsontext.AppendQuote(dst, text)
	return escapeFrom(dst, from)
}

// escapeFrom escapes the characters that control a terminal in the JSON from an index on.
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

// needsEscape reports whether a character that a JSON string may contain controls a
// terminal. JSON itself escapes those below a space.
func needsEscape(r rune) bool { return r >= 0x7f && isControl(r) }
