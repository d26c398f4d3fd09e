package wire

import (
	"regexp"
	"strconv"
	"strings"
)

// wrapping is what gRPC and Go's network put before what went wrong.
var wrapping = regexp.MustCompile(`^(rpc error: code = \w+ desc = ` +
	`|closing transport due to: ` +
	`|(last connection|latest balancer|name resolver|connection) error: (desc = )?` +
	`|transport: ` +
	`|[Ee]rror while dialing: ` +
	`|authentication handshake failed: ` +
	`|dial tcp( \S+)?: (connect: )?)`)

// phrases are what gRPC calls what went wrong, and what that means.
var phrases = []struct{ theirs, plain string }{
	{"error reading server preface: ", "no answer in HTTP/2, perhaps as there is TLS: "},
	{"error reading from server: ", "the connection broke: "},
	{"keepalive ping failed to receive ACK within timeout", "the server does not answer any more"},
}

// plain gives what went wrong with a connection without where in the library. Of
//
//	connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"
//
// it leaves the last two words.
func plain(text string) string {
	for prefix := wrapping.FindString(text); prefix != ""; prefix = wrapping.FindString(text) {
		text = text[len(prefix):]
		if quoted, err := strconv.QuotedPrefix(text); err == nil {
			text, _ = strconv.Unquote(quoted)
		}
	}
	for _, phrase := range phrases {
		if rest, found := strings.CutPrefix(text, phrase.theirs); found {
			return phrase.plain + rest
		}
	}
	return text
}
