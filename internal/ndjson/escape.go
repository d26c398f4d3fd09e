package ndjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Write writes a value as a line of JSON without characters that control a terminal.
func Write(w io.Writer, value any) error {
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
func needsEscape(r rune) bool { return r >= 0x7f && IsControl(r) }

const (
	zeroWidthNonJoiner = '\u200c'
	zeroWidthJoiner    = '\u200d'
)

// IsControl reports whether a character controls a terminal: a control character, including
// those of C1, or a format character, which may change the writing direction, end a line or
// be invisible. U+200C and U+200D, which only shape their neighbours in emoji and some
// scripts, are not control characters.
func IsControl(r rune) bool {
	if r < utf8.RuneSelf {
		return r < ' ' || r == 0x7f
	}
	return r != zeroWidthJoiner && r != zeroWidthNonJoiner &&
		unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}
