package wire

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/grpc/codes"

	"github.com/umadb-go/umadb/dcb"
)

// maxMessageBytes is the maximum size in bytes of an error message. It is sent in
// two headers, in one of them percent-encoded with three bytes for one, and a
// client may accept no more than 8 KiB of headers.
const maxMessageBytes = 1024

// message returns the message of a failed call, which starts with the error's kind, and ends with
// NothingAppended if the error reports that.
func message(err error, kind error) string {
	text := err.Error()
	var e *dcb.Error
	if errors.As(err, &e) && errors.Is(e.Kind, kind) {
		text = e.Error()
	}
	if text != kind.Error() && !strings.HasPrefix(text, kind.Error()+": ") {
		text = kind.Error() + ": " + text
	}
	if e != nil && e.NotAppended {
		text = strings.TrimSuffix(text, NothingAppended)
		return shorten(printable(text), maxMessageBytes-len(NothingAppended)) + NothingAppended
	}
	return printable(text)
}

// detail removes the kind from the start of a message.
func detail(message string, kind error) string {
	return strings.TrimPrefix(message, kind.Error()+": ")
}

// printable converts a text to a header value: one line of valid, printable
// UTF-8 of at most maxMessageBytes.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return unicode.ReplacementChar
	}, shorten(text, maxMessageBytes))
	return shorten(text, maxMessageBytes) // a replacement character takes three bytes
}

// shorten truncates a text to a number of bytes, between two characters.
func shorten(text string, most int) string {
	const ellipsis = "…"
	if len(text) <= most {
		return text
	}
	end := most - len(ellipsis)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + ellipsis
}

// Stopping is the message for a call that a server did not start because it is shutting
// down, or that it ended without effect.
const Stopping = "the server is shutting down"

// NothingAppended is how the message of an append ends that failed without effect although its
// kind of error leaves that open.
const NothingAppended = "; nothing was appended"

// RefusedWithoutEffect reports whether a server answered an append with NothingAppended: it cannot
// append now, and another one may.
func RefusedWithoutEffect(code codes.Code, message string) bool {
	switch code {
	case codes.Unavailable, codes.Internal, codes.DataLoss:
		return strings.HasSuffix(message, NothingAppended)
	}
	return false
}

// standbyRefusal is how the error of an append begins that a standby refuses.
const standbyRefusal = "io error: this server is a standby of "

// RefusedByStandby reports whether a server refused an append because it is a standby.
func RefusedByStandby(code codes.Code, message string) bool {
	return code == codes.Internal && strings.HasPrefix(message, standbyRefusal)
}

// RefusedForStop reports whether a server ended a call with Stopping.
func RefusedForStop(code codes.Code, message string) bool {
	return code == codes.Unavailable && message == Stopping
}
