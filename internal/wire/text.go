package wire

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/umadb-go/umadb/dcb"
)

// maxMessageBytes bounds the text of an error: it travels in a header twice,
// once of them with up to three bytes for each, and a client may take no more
// than 8 KiB of headers.
const maxMessageBytes = 1024

// message gives the text that a failed call carries: it begins with its kind.
func message(err error, kind error) string {
	text := err.Error()
	var e *dcb.Error
	if errors.As(err, &e) && errors.Is(e.Kind, kind) {
		text = e.Error()
	}
	if text != kind.Error() && !strings.HasPrefix(text, kind.Error()+": ") {
		text = kind.Error() + ": " + text
	}
	return printable(text)
}

// detail takes the kind off the beginning of a message.
func detail(message string, kind error) string {
	return strings.TrimPrefix(message, kind.Error()+": ")
}

// printable makes a header of any text: one line of valid, printable UTF-8 of
// at most maxMessageBytes.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return unicode.ReplacementChar
	}, shorten(text))
	return shorten(text) // a replaced byte takes three
}

// shorten cuts a text that is too long between two characters.
func shorten(text string) string {
	const ellipsis = "…"
	if len(text) <= maxMessageBytes {
		return text
	}
	end := maxMessageBytes - len(ellipsis)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + ellipsis
}
