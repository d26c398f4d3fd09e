package grpcgo_test

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/internal/grpcgo"
)

func TestTransportErrorsAreShortened(t *testing.T) {
	for theirs, want := range map[string]string{
		`connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"`:                                            "connection refused",
		`last connection error: connection error: desc = "transport: Error while dialing: dial tcp: lookup nowhere: no such host"`:                                "lookup nowhere: no such host",
		`latest balancer error: rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp 10.0.0.1:1: i/o timeout"`: "i/o timeout",
		`connection error: desc = "transport: authentication handshake failed: tls: failed to verify certificate: x509: \"a\" is unknown"`:                        `tls: failed to verify certificate: x509: "a" is unknown`,
		`connection error: desc = "transport: authentication handshake failed: context deadline exceeded"`:                                                        "the server does not respond",
		`connection error: desc = "error reading server preface: EOF"`:                                                                                            "no answer in HTTP/2: EOF",
		`connection error: desc = "error reading server preface: raw-read tcp 127.0.0.1:2->127.0.0.1:1: use of closed network connection"`:                        "the server does not respond",
		`connection error: desc = "error reading server preface: read tcp 127.0.0.1:2->127.0.0.1:1: i/o timeout"`:                                                 "the server does not respond",
		`error reading from server: read tcp 127.0.0.1:2->127.0.0.1:1: read: connection reset by peer`:                                                            "the connection broke: read tcp 127.0.0.1:2->127.0.0.1:1: read: connection reset by peer",
		`closing transport due to: connection error: desc = "error reading from server: EOF", received prior goaway: code: NO_ERROR, debug data: "graceful_stop"`: "the connection broke: EOF",
		`connection error: desc = "keepalive ping failed to receive ACK within timeout"`:                                                                          "the server does not respond",
		"the server is shutting down":       "the server is shutting down",
		`"one" and "two" are our own words`: `"one" and "two" are our own words`,
	} {
		if got, _ := grpcgo.Reason(theirs); got != want {
			t.Errorf("%s\nbecame %q", theirs, got)
		}
	}
}

func TestHTTPErrorsOfProxiesAreShortened(t *testing.T) {
	const page = "; transport: received unexpected content-type \"text/html\"\n\tdata: \"<html>\\r\\n<head>...\""
	for theirs, want := range map[string]string{
		"413 (Request Entity Too Large)": "the proxy refuses a request of this size (HTTP 413)",
		"502 (Bad Gateway)":              "HTTP 502 (Bad Gateway) instead of a gRPC response; a proxy may be unable to reach the server",
	} {
		text := "unexpected HTTP status code received from server: " + theirs + page
		if got, ours := grpcgo.Reason(text); got != want || !ours {
			t.Errorf("%s became %q", theirs, got)
		}
		if tooLarge := theirs[:3] == "413"; grpcgo.RefusedForSize(status.Error(codes.Unknown, text)) != tooLarge {
			t.Errorf("RefusedForSize is %v for %s", !tooLarge, theirs)
		}
	}
}
