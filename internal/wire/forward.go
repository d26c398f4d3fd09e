package wire

import (
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
)

const (
	// MethodForwardedAppend is Append of a server of a shared log for the other servers of that log.
	// No other server has this method, so that an append never gets into another store.
	MethodForwardedAppend = "/umadb.cluster.v1.Peer/Append"
	// Forwarded is metadata of such a call: the identity of the shared log.
	Forwarded = "umadb-forwarded"
)

// ForwardedError converts the status of a forwarded call as FromStatus does, but ToStatus converts
// the result to the same code again.
func ForwardedError(code codes.Code, message string, details []byte) error {
	err := FromStatus(code, message, details)
	var e *dcb.Error
	switch {
	case !errors.As(err, &e), errors.Is(e.Kind, dcb.ErrTransport):
		return status.Error(code, message)
	case code == codes.PermissionDenied:
		denied := *e
		denied.Kind = ErrPermission
		return &denied
	}
	return err
}
