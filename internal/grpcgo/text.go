package grpcgo

import (
	"regexp"
	"strconv"

	"google.golang.org/grpc/status"
)

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

// Reason removes the prefixes of grpc-go and package net from an error message. Of
//
//	connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"
//
// the last two words remain. It also reports whether one of our own phrases replaces the
// message.
func Reason(text string) (reason string, ours bool) {
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
