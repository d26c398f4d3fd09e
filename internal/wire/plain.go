package wire

import (
	"regexp"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// wrapping is what gRPC and Go's network put before what went wrong.
var wrapping = regexp.MustCompile(`^(rpc error: code = \w+ desc = ` +
	`|closing transport due to: ` +
	`|(last connection|latest balancer|name resolver|connection) error: (desc = )?` +
	`|transport: ` +
	`|[Ee]rror while dialing: ` +
	`|dial tcp( \S+)?: (connect: )?)`)

// NotHTTP2 begins the message about a server that closes a new connection, or answers
// in another protocol.
const NotHTTP2 = "no answer in HTTP/2"

// silence is the message about a server that accepts a connection and sends nothing,
// for example because its process is stopped.
const silence = "the server does not answer any more"

// phrases are messages of gRPC, and what they mean. The first that matches is used.
var phrases = []struct {
	theirs *regexp.Regexp // of the beginning
	plain  string
}{
	// gRPC itself closes a connection on which the server has been silent too long.
	{regexp.MustCompile(`^error reading server preface: .*(use of closed network connection|i/o timeout)$`), silence},
	{regexp.MustCompile(`^authentication handshake failed: context deadline exceeded$`), silence},
	{regexp.MustCompile(`^authentication handshake failed: `), ""},
	{regexp.MustCompile(`^error reading server preface: `), NotHTTP2 + ": "},
	{regexp.MustCompile(`^error reading from server: `), "the connection broke: "},
	{regexp.MustCompile(`^keepalive ping failed to receive ACK within timeout`), silence},
	{regexp.MustCompile(httpStatus + `413 (?s:.*)`), "the proxy refuses a request of this size (HTTP 413)"},
	{regexp.MustCompile(httpStatus + `(\d+ \([^)]*\))(?s:.*)`), "HTTP $1 in place of an answer of the server; a proxy may not reach it"},
}

// httpStatus matches the beginning of gRPC's message about an HTTP answer without gRPC.
// The rest may contain a whole page of HTML.
const httpStatus = `^unexpected HTTP status code received from server: `

var tooLarge = regexp.MustCompile(httpStatus + `413 `)

// RefusedForSize reports whether a call failed because its request was too large for a
// proxy. Then the server has not received the whole request.
func RefusedForSize(err error) bool { return tooLarge.MatchString(status.Convert(err).Message()) }

// Stopping is the message of a server that is shutting down about a call that it has not
// begun, or that has had no effect.
const Stopping = "the server is shutting down"

// RefusedForStop reports whether a server has ended a call with Stopping.
func RefusedForStop(err error) bool {
	st := status.Convert(err)
	return st.Code() == codes.Unavailable && st.Message() == Stopping
}

// plain gives what went wrong with a connection without where in the library. Of
//
//	connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"
//
// it leaves the last two words. It also reports whether one of phrases matched.
func plain(text string) (string, bool) {
	for prefix := wrapping.FindString(text); prefix != ""; prefix = wrapping.FindString(text) {
		text = text[len(prefix):]
		if quoted, err := strconv.QuotedPrefix(text); err == nil {
			text, _ = strconv.Unquote(quoted)
		}
	}
	for _, phrase := range phrases {
		if theirs := phrase.theirs.FindString(text); theirs != "" {
			return phrase.theirs.ReplaceAllString(theirs, phrase.plain) + text[len(theirs):], true
		}
	}
	return text, false
}
