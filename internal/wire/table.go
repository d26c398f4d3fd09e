package wire

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"

	"github.com/umadb-go/umadb/dcb"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// row relates a kind of failure to what a failed call carries.
type row struct {
	kind      error
	code      codes.Code
	errorType *umadbv1.ErrorResponse_ErrorType // nil for no ErrorResponse
}

// table is every kind that travels. A server takes the first row whose kind
// the error is, a client the row of the ErrorType that came.
var table = []row{
	{dcb.ErrIntegrity, codes.FailedPrecondition, umadbv1.ErrorResponse_INTEGRITY.Enum()},
	{dcb.ErrInvalidArgument, codes.InvalidArgument, umadbv1.ErrorResponse_INVALID_ARGUMENT.Enum()},
	{dcb.ErrAuthentication, codes.Unauthenticated, umadbv1.ErrorResponse_AUTHENTICATION.Enum()},
	{dcb.ErrCorruption, codes.DataLoss, umadbv1.ErrorResponse_CORRUPTION.Enum()},
	{dcb.ErrIO, codes.Internal, umadbv1.ErrorResponse_IO.Enum()},
	{dcb.ErrSerialization, codes.InvalidArgument, umadbv1.ErrorResponse_SERIALIZATION.Enum()},
	{dcb.ErrInternal, codes.Internal, umadbv1.ErrorResponse_INTERNAL.Enum()},
	{context.Canceled, codes.Canceled, nil},
	{context.DeadlineExceeded, codes.DeadlineExceeded, nil},
	{dcb.ErrClosed, codes.Unavailable, nil},
	{dcb.ErrTransport, codes.Unavailable, nil},
}

// rowOf gives the row of an error. One that is of no kind is internal.
func rowOf(err error) row {
	for _, r := range table {
		if errors.Is(err, r.kind) {
			return r
		}
	}
	return row{dcb.ErrInternal, codes.Internal, umadbv1.ErrorResponse_INTERNAL.Enum()}
}

// rowOfType gives the row of an ErrorType, and whether there is one.
func rowOfType(errorType umadbv1.ErrorResponse_ErrorType) (row, bool) {
	for _, r := range table {
		if r.errorType != nil && *r.errorType == errorType {
			return r, true
		}
	}
	return row{}, false
}

// transportCause is what errors.Is finds in a dcb.ErrTransport beside it, for
// the calls that a context ended; nil for the others.
func transportCause(code codes.Code) error {
	switch code {
	case codes.Canceled:
		return context.Canceled
	case codes.DeadlineExceeded:
		return context.DeadlineExceeded
	}
	return nil
}
