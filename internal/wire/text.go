package wire

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
)

// maxMessageBytes is the maximum size in bytes of an error message. It is sent in
// two headers, in one of them percent-encoded with three bytes for one, and a
// client may accept no more than 8 KiB of headers.
const maxMessageBytes = 1024

// message returns the message of a failed call, which starts with the error's kind.
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
	}, shorten(text))
	return shorten(text) // a replacement character takes three bytes
}

// shorten truncates a text to maxMessageBytes, between two characters.
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

// wrapping matches the prefixes that grpc-go and package net put before the cause.
var wrapping = regexp.MustCompile(`^(rpc error: code = \w+ desc = ` +
	`|closing transport due to: ` +
	`|(last connection|latest balancer|name resolver|connection) error: (desc = )?` +
	`|transport: ` +
	`|[Ee]rror while dialing: ` +
	`|dial tcp( \S+)?: (connect: )?)`)

// NotHTTP2 starts the message about a server that closes a new connection or responds
// in another protocol.
const NotHTTP2 = "no answer in HTTP/2"

// silence is the message about a server that accepts a connection and sends nothing,
// for example because its process is suspended.
const silence = "the server does not respond"

// phrases maps messages of grpc-go to ours. The first match is used.
var phrases = []struct {
	theirs *regexp.Regexp // matches the start of a message
	ours   string
}{
	// gRPC itself closes a connection after the server has sent nothing for too long.
	{regexp.MustCompile(`^error reading server preface: .*(use of closed network connection|i/o timeout)$`), silence},
	{regexp.MustCompile(`^authentication handshake failed: context deadline exceeded$`), silence},
	{regexp.MustCompile(`^authentication handshake failed: `), ""},
	{regexp.MustCompile(`^error reading server preface: `), NotHTTP2 + ": "},
	{regexp.MustCompile(`^error reading from server: `), "the connection broke: "},
	{regexp.MustCompile(`^keepalive ping failed to receive ACK within timeout`), silence},
	{regexp.MustCompile(httpStatus + `413 (?s:.*)`), "the proxy refuses a request of this size (HTTP 413)"},
	{regexp.MustCompile(httpStatus + `(\d+ \([^)]*\))(?s:.*)`), "HTTP $1 instead of a gRPC response; a proxy may be unable to reach the server"},
}

// httpStatus matches the start of gRPC's message about an HTTP response that is not
// gRPC. The rest of the message may contain a whole HTML page.
const httpStatus = `^unexpected HTTP status code received from server: `

var tooLarge = regexp.MustCompile(httpStatus + `413 `)

// RefusedForSize reports whether a call failed because its request was too large for a
// proxy. In that case the server has not received the whole request.
func RefusedForSize(err error) bool { return tooLarge.MatchString(status.Convert(err).Message()) }

// Stopping is the message for a call that a server did not start because it is shutting
// down, or that it ended without effect.
const Stopping = "the server is shutting down"

// RefusedForStop reports whether a server ended a call with Stopping.
func RefusedForStop(err error) bool {
	st := status.Convert(err)
	return st.Code() == codes.Unavailable && st.Message() == Stopping
}

// stripTransportPrefix removes the prefixes of grpc-go and package net from an
// error message. Of
//
//	connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"
//
// the last two words remain. It also reports whether one of phrases matched.
func stripTransportPrefix(text string) (string, bool) {
	for prefix := wrapping.FindString(text); prefix != ""; prefix = wrapping.FindString(text) {
		text = text[len(prefix):]
		if quoted, err := strconv.QuotedPrefix(text); err == nil {
			text, _ = strconv.Unquote(quoted)
		}
	}
	for _, phrase := range phrases {
		if theirs := phrase.theirs.FindString(text); theirs != "" {
			return phrase.theirs.ReplaceAllString(theirs, phrase.ours) + text[len(theirs):], true
		}
	}
	return text, false
}
