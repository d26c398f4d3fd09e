package grpcclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Error is the error of a call that failed.
type Error struct {
	Code    codes.Code
	Message string
	Details []byte // of the trailer grpc-status-details-bin, or nil

	// Answered is set if the server has sent the status. Otherwise the status describes what
	// happened to the connection or the stream.
	Answered bool
	// NotProcessed is set if the server has certainly not processed the call.
	NotProcessed bool
	// HTTP is the status of a response that is not one of gRPC, or 0.
	HTTP int
}

// Error returns the code and the message.
func (e *Error) Error() string { return fmt.Sprintf("%v: %s", e.Code, e.Message) }

// GRPCStatus returns the status without its details.
func (e *Error) GRPCStatus() *status.Status { return status.New(e.Code, e.Message) }

// errClosing is why Conn.Close ends calls.
var errClosing = errors.New("the connection was closed by the client")

// errClosed is the error of calls of a Conn that was closed.
var errClosed = &Error{Code: codes.Canceled, Message: errClosing.Error(), NotProcessed: true}

// contextError returns the error of a call that a context has ended.
func contextError(err error, notProcessed bool) *Error {
	code := codes.Canceled
	if errors.Is(err, context.DeadlineExceeded) {
		code = codes.DeadlineExceeded
	}
	return &Error{Code: code, Message: err.Error(), NotProcessed: notProcessed}
}

// unavailable returns the error of a call for which there is no connection.
func unavailable(reason error) *Error {
	return &Error{Code: codes.Unavailable, Message: reason.Error(), NotProcessed: true}
}

// internal returns the error of a call that the server has not answered as it must.
func internal(format string, args ...any) *Error {
	return &Error{Code: codes.Internal, Message: fmt.Sprintf(format, args...)}
}

// resetError returns the error of a call whose stream the server has reset.
func resetError(code http2.ErrCode) *Error {
	e := &Error{Code: codes.Internal, Message: fmt.Sprintf("the stream was reset (%v)", code)}
	switch code {
	case http2.ErrCodeRefusedStream:
		e.Code, e.NotProcessed = codes.Unavailable, true
	case http2.ErrCodeCancel:
		e.Code = codes.Canceled
	case http2.ErrCodeEnhanceYourCalm:
		e.Code = codes.ResourceExhausted
	case http2.ErrCodeInadequateSecurity:
		e.Code = codes.PermissionDenied
	}
	return e
}

// httpError returns the error of a call whose response is not one of gRPC.
func httpError(code int) *Error {
	e := &Error{Code: codes.Unknown, HTTP: code}
	switch code {
	case http.StatusBadRequest, http.StatusRequestHeaderFieldsTooLarge:
		e.Code = codes.Internal
	case http.StatusUnauthorized:
		e.Code = codes.Unauthenticated
	case http.StatusForbidden:
		e.Code = codes.PermissionDenied
	case http.StatusNotFound:
		e.Code = codes.Unimplemented
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		e.Code = codes.Unavailable
	}
	e.Message = fmt.Sprintf("HTTP %d (%s) instead of a gRPC response; a proxy may be unable to reach the server", code, http.StatusText(code))
	if code == http.StatusRequestEntityTooLarge {
		e.Message = "the proxy refuses a request of this size (HTTP 413)"
		e.NotProcessed = true // the server has not received the whole request
	}
	return e
}
