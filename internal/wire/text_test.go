package wire_test

import (
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/umadb-go/umadb/internal/wire"
)

// Unavailable adds nothing to the kind of the error.
func TestTransportErrorHasCode(t *testing.T) {
	for code, want := range map[codes.Code]string{
		codes.Unavailable: "transport error: EOF",
		codes.Unknown:     "transport error: Unknown: EOF",
	} {
		if got := wire.FromStatus(code, "EOF", nil).Error(); got != want {
			t.Errorf("%v became %q", code, got)
		}
	}
}

func TestStandbyRefusal(t *testing.T) {
	const text = "io error: this server is a standby of http://a and accepts no appends"
	if !wire.RefusedByStandby(codes.Internal, text) {
		t.Error("it is not recognised")
	}
	for code, other := range map[codes.Code]string{codes.Unavailable: text, codes.Internal: "io error: the disk is full"} {
		if wire.RefusedByStandby(code, other) {
			t.Errorf("%v, %s is a refusal", code, other)
		}
	}
}
