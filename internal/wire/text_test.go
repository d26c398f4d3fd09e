package wire_test

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/internal/wire"
)

// A message of our own explains more than a code.
func TestTransportErrorHasCodeOrMessageOfOurs(t *testing.T) {
	for _, row := range []struct {
		code     codes.Code
		text     string
		complete string
	}{
		{codes.Unavailable, "closing transport due to: EOF", "transport error: EOF"},
		{codes.Unknown, "closing transport due to: EOF", "transport error: Unknown: EOF"},
		{codes.Unavailable, "error reading from server: EOF", "transport error: the connection broke: EOF"},
		{codes.Unknown, "error reading from server: EOF", "transport error: the connection broke: EOF"},
	} {
		if got := wire.FromStatus(status.Error(row.code, row.text), nil).Error(); got != row.complete {
			t.Errorf("%v with %q became %q", row.code, row.text, got)
		}
	}
}
