package wire

import (
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
)

// ToStatus returns the status of a call that failed with err, and the trailer to
// send with it, which may be nil. userAgent is the client's; the form of the
// ErrorResponse depends on it.
func ToStatus(err error, userAgent string) (*status.Status, metadata.MD) {
	if st, ok := status.FromError(err); ok {
		return st, nil
	}
	r := rowOf(err)
	st := status.New(r.code, message(err, r.kind))
	if r.errorType == nil {
		return st, nil
	}
	response := &errorResponse{message: st.Message(), errorType: *r.errorType}
	var e *dcb.Error
	if errors.As(err, &e) {
		response.conflictPosition = e.ConflictPosition
	}
	return addDetails(st, response, userAgent)
}

// FromStatus converts the status of a failed call to a dcb.Error. details are the bytes of
// its trailer grpc-status-details-bin, or nil. Every error that the server did not return
// as an ErrorResponse or a refusal of the API key becomes a dcb.ErrTransport. If a context
// ended the call, the error also matches that context's error.
func FromStatus(code codes.Code, message string, details []byte) error {
	text, response := shorten(message, maxMessageBytes), new(errorResponse)
	if readDetails(details, response) {
		text = shorten(response.message, maxMessageBytes)
		if r, ok := rowOfType(response.errorType); ok {
			return &dcb.Error{
				Kind:             r.kind,
				Detail:           detail(text, r.kind),
				ConflictPosition: response.conflictPosition,
			}
		}
	}
	if code == codes.Unauthenticated || code == codes.PermissionDenied {
		return &dcb.Error{Kind: dcb.ErrAuthentication, Detail: detail(text, dcb.ErrAuthentication)}
	}
	return transportError(code, detail(text, dcb.ErrTransport))
}

func transportError(code codes.Code, text string) error {
	cause := transportCause(code)
	switch {
	case code == codes.Unavailable: // the code adds nothing to the kind
	case cause == nil:
		text = code.String() + ": " + text
	case text == cause.Error():
		text = "the call did not finish"
	}
	return &dcb.Error{Kind: dcb.ErrTransport, Detail: text, Cause: cause}
}
