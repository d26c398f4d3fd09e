package wire

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"

	"github.com/umadb-go/umadb/dcb"
)

// row maps a kind of error to the status of a failed call.
type row struct {
	kind      error
	code      codes.Code
	errorType *errorType // nil for no ErrorResponse
}

// ErrPermission is the kind of the error of a call that its valid API key does not permit. A
// server sends it with a status of its own, and as the same ErrorType as
// dcb.ErrAuthentication, which is what clients return.
var ErrPermission = errors.New(dcb.ErrAuthentication.Error())

// table contains every kind of error that is sent. A server uses the first row
// whose kind matches the error, a client the row of the received ErrorType.
var table = []row{
	{dcb.ErrIntegrity, codes.FailedPrecondition, new(typeIntegrity)},
	{dcb.ErrInvalidArgument, codes.InvalidArgument, new(typeInvalidArgument)},
	{dcb.ErrAuthentication, codes.Unauthenticated, new(typeAuthentication)},
	{ErrPermission, codes.PermissionDenied, new(typeAuthentication)},
	{dcb.ErrCorruption, codes.DataLoss, new(typeCorruption)},
	{dcb.ErrIO, codes.Internal, new(typeIO)},
	{dcb.ErrSerialization, codes.InvalidArgument, new(typeSerialization)},
	{dcb.ErrInternal, codes.Internal, new(typeInternal)},
	{context.Canceled, codes.Canceled, nil},
	{context.DeadlineExceeded, codes.DeadlineExceeded, nil},
	{dcb.ErrClosed, codes.Unavailable, nil},
	{dcb.ErrTransport, codes.Unavailable, nil},
}

// rowOf returns the row of an error. An error of no kind is internal.
func rowOf(err error) row {
	for _, r := range table {
		if errors.Is(err, r.kind) {
			return r
		}
	}
	return row{dcb.ErrInternal, codes.Internal, new(typeInternal)}
}

// rowOfType returns the row of an ErrorType, and reports whether there is one.
func rowOfType(received errorType) (row, bool) {
	for _, r := range table {
		if r.errorType != nil && *r.errorType == received {
			return r, true
		}
	}
	return row{}, false
}

// transportCause returns the context error that a code stands for, or nil if the
// call was not ended by a context.
func transportCause(code codes.Code) error {
	switch code {
	case codes.Canceled:
		return context.Canceled
	case codes.DeadlineExceeded:
		return context.DeadlineExceeded
	}
	return nil
}
