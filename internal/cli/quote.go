package cli

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a store holds may come from anybody, and a terminal obeys what it is
// shown. So whatever is printed as text goes through this file first.

// appendWord writes text so that it is one word and cannot be mistaken for
// anything else: as such, or quoted as in Go. A word with one of the reserved
// characters is quoted too.
func appendWord(dst []byte, text, reserved string) []byte {
	if isWord(text) && !strings.ContainsAny(text, reserved) {
		return append(dst, text...)
	}
	return strconv.AppendQuote(dst, text)
}

// word is appendWord, as a string.
func word(text string) string { return string(appendWord(nil, text, "")) }

// isWord tells whether text can stand among others with spaces between them.
func isWord(text string) bool {
	if text == "" || text[0] == '"' || !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if r == ' ' || !strconv.IsPrint(r) {
			return false
		}
	}
	return true
}

// isText tells whether data can be shown as such: UTF-8 in which nothing but
// line ends and tabs does more than stand there.
func isText(data []byte) bool {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == '\n', r == '\t':
		case r == '\r' && i+1 < len(data) && data[i+1] == '\n':
		case r == utf8.RuneError && size == 1, commands(r):
			return false
		}
		i += size
	}
	return true
}

const (
	zeroWidthNonJoiner = '\u200c'
	zeroWidthJoiner    = '\u200d'
)

// commands tells whether a character can do more to a terminal than stand there:
// control characters, those of C1 among them, that begin its commands; others
// that turn the direction of writing, end lines or hide. The joiners only shape
// their neighbours, in emoji and in some scripts.
func commands(r rune) bool {
	if r < utf8.RuneSelf {
		return r < ' ' || r == 0x7f
	}
	return r != zeroWidthJoiner && r != zeroWidthNonJoiner &&
		unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// Harmless returns a message with its control characters escaped, except newlines. They
// may come from an event, a file or a server.
func Harmless(message string) string {
	var b strings.Builder
	for _, r := range message {
		if r == '\n' || !commands(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}
