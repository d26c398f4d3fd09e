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
