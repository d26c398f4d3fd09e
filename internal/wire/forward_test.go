package wire_test

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire"
)

// The status of a forwarded call is the same after it has passed through a server.
func TestForwardedErrorHasTheSameStatus(t *testing.T) {
	for _, r := range rows {
		sent, trailer := wire.ToStatus(&dcb.Error{Kind: r.kind, Detail: "why", ConflictPosition: 7}, "")
		var details []byte
		if values := trailer[detailsTrailer]; len(values) > 0 {
			details = []byte(values[0])
		}
		passed, again := wire.ToStatus(wire.ForwardedError(sent.Code(), sent.Message(), details), "")
		if passed.Code() != sent.Code() || passed.Message() != sent.Message() {
			t.Errorf("%v: %v is passed on as %v", r.kind, sent, passed)
		}
		if len(trailer) != len(again) || len(trailer) > 0 && trailer[detailsTrailer][0] != again[detailsTrailer][0] {
			t.Errorf("%v: other details", r.kind)
		}
	}
	for _, code := range []codes.Code{codes.Unknown, codes.ResourceExhausted, codes.Aborted} {
		if passed := status.Convert(wire.ForwardedError(code, "why", nil)); passed.Code() != code || passed.Message() != "why" {
			t.Errorf("%v is passed on as %v", code, passed)
		}
	}
}
