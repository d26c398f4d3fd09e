package wire

import (
	"errors"
	"regexp"
	"strings"

	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"

	"github.com/umadb-go/umadb/dcb"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// detailsTrailer is the trailer that contains the ErrorResponse. gRPC reserves
// the name for a google.rpc.Status, but existing clients decode a bare
// ErrorResponse, so that is what the server sends them.
const detailsTrailer = "grpc-status-details-bin"

// expectsStatus matches the user agents of libraries that always decode the details as
// a google.rpc.Status, and replace the status if they cannot. The Connect family has
// names such as grpc-go-connect, grpc-kotlin-connect and connect-es.
var expectsStatus = regexp.MustCompile(`\b(grpc-go|grpc-\w+-connect|connect-\w+)/`)

// ToStatus returns the status of a call that failed with err, and the trailer to
// send with it, which may be nil. userAgent is the client's.
//
// A program that uses grpc-go or a library of the Connect family cannot read a bare
// ErrorResponse: its library replaces the status with "Internal: mismatch" or another
// code. For these, ToStatus returns the ErrorResponse in the details of the status.
func ToStatus(err error, userAgent string) (*status.Status, metadata.MD) {
	if st, ok := status.FromError(err); ok {
		return st, nil
	}
	r := rowOf(err)
	st := status.New(r.code, message(err, r.kind))
	if r.errorType == nil {
		return st, nil
	}
	response := &umadbv1.ErrorResponse{Message: st.Message(), ErrorType: *r.errorType}
	var e *dcb.Error
	if errors.As(err, &e) && e.ConflictPosition != 0 {
		response.ConflictPosition = &e.ConflictPosition
	}
	if expectsStatus.MatchString(userAgent) {
		detailed, err := st.WithDetails(protoadapt.MessageV1Of(response))
		if err != nil {
			return st, nil
		}
		return detailed, nil
	}
	details, err := proto.Marshal(response)
	if err != nil {
		return st, nil
	}
	return st, metadata.MD{detailsTrailer: {string(details)}}
}

// FromStatus converts the error of a failed call, and the trailer received with
// it, to a dcb.Error. Every error that the server did not return as an
// ErrorResponse or a refusal of the API key becomes a dcb.ErrTransport. If a
// context ended the call, the error also matches that context's error.
func FromStatus(err error, trailer metadata.MD) error {
	if err == nil {
		return nil
	}
	st, ok := status.FromError(err)
	if !ok {
		st = status.FromContextError(err)
	}
	code, text := st.Code(), shorten(st.Message())
	response := errorResponse(trailer.Get(detailsTrailer))
	if response != nil {
		code, text = mismatchedCode(st), shorten(response.GetMessage())
		if r, ok := rowOfType(response.GetErrorType()); ok {
			return &dcb.Error{
				Kind:             r.kind,
				Detail:           detail(text, r.kind),
				ConflictPosition: response.GetConflictPosition(),
			}
		}
	}
	if code == codes.Unauthenticated || code == codes.PermissionDenied {
		return &dcb.Error{Kind: dcb.ErrAuthentication, Detail: detail(text, dcb.ErrAuthentication)}
	}
	return transportError(code, detail(text, dcb.ErrTransport))
}

func transportError(code codes.Code, text string) error {
	text, ours := stripTransportPrefix(text)
	cause := transportCause(code)
	switch {
	case ours || code == codes.Unavailable: // the code adds nothing to the kind
	case cause == nil:
		text = code.String() + ": " + text
	case text == cause.Error():
		text = "the call did not finish"
	}
	return &dcb.Error{Kind: dcb.ErrTransport, Detail: text, Cause: cause}
}

// errorResponse returns the ErrorResponse in the details trailer, in either
// form, or nil if there is none. The forms can be distinguished: the first field
// of a google.rpc.Status is a number other than 0, that of an ErrorResponse is a
// string.
func errorResponse(details []string) *umadbv1.ErrorResponse {
	if len(details) != 1 || details[0] == "" {
		return nil
	}
	st := new(rpcstatus.Status)
	if proto.Unmarshal([]byte(details[0]), st) == nil && st.GetCode() != 0 {
		for _, packed := range st.GetDetails() {
			response := new(umadbv1.ErrorResponse)
			if packed.UnmarshalTo(response) == nil {
				return response
			}
		}
		return nil
	}
	response := new(umadbv1.ErrorResponse)
	if proto.Unmarshal([]byte(details[0]), response) != nil {
		return nil
	}
	return response
}

// mismatchedCode returns the code that the server sent. If the details are a
// bare ErrorResponse, gRPC has replaced the code with Internal, and the original
// is only in the message.
func mismatchedCode(st *status.Status) codes.Code {
	const prefix = "grpc-status-details-bin mismatch: grpc-status="
	text, found := strings.CutPrefix(st.Message(), prefix)
	if !found {
		return st.Code()
	}
	name, _, _ := strings.Cut(text, ",")
	for code := codes.OK; code <= codes.Unauthenticated; code++ {
		if code.String() == name {
			return code
		}
	}
	return st.Code()
}
