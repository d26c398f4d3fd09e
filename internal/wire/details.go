package wire

import (
	"regexp"

	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// detailsTrailer is the trailer that contains the details of a status. gRPC reserves
// the name for a google.rpc.Status, but existing clients of UmaDB decode a bare message, so
// that is what the server sends them.
const detailsTrailer = "grpc-status-details-bin"

// errorResponse is a umadb.v1.ErrorResponse.
type errorResponse struct {
	message          string
	errorType        errorType
	conflictPosition uint64 // 0 for none
}

// errorType is a umadb.v1.ErrorResponse.ErrorType.
type errorType uint64

const (
	typeIO              errorType = 0
	typeSerialization   errorType = 1
	typeIntegrity       errorType = 2
	typeCorruption      errorType = 3
	typeInternal        errorType = 4
	typeAuthentication  errorType = 5
	typeInvalidArgument errorType = 6
)

// The name of ErrorResponse as a detail of a google.rpc.Status, and its field numbers.
const (
	errorResponseURL = "type.googleapis.com/umadb.v1.ErrorResponse"

	fieldMessage          protowire.Number = 1
	fieldErrorType        protowire.Number = 2
	fieldConflictPosition protowire.Number = 100
)

func (r *errorResponse) encode() []byte {
	var out []byte
	if r.message != "" {
		out = protowire.AppendTag(out, fieldMessage, protowire.BytesType)
		out = protowire.AppendString(out, r.message)
	}
	if r.errorType != 0 {
		out = protowire.AppendTag(out, fieldErrorType, protowire.VarintType)
		out = protowire.AppendVarint(out, uint64(r.errorType))
	}
	if r.conflictPosition != 0 {
		out = protowire.AppendTag(out, fieldConflictPosition, protowire.VarintType)
		out = protowire.AppendVarint(out, r.conflictPosition)
	}
	return out
}

// decode decodes a message and reports whether it is one.
func (r *errorResponse) decode(message []byte) bool {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return false
		}
		message = message[n:]
		n = protowire.ConsumeFieldValue(number, kind, message)
		if n < 0 {
			return false
		}
		switch {
		case number == fieldMessage && kind == protowire.BytesType:
			text, _ := protowire.ConsumeString(message)
			r.message = text
		case number == fieldErrorType && kind == protowire.VarintType:
			value, _ := protowire.ConsumeVarint(message)
			r.errorType = errorType(value)
		case number == fieldConflictPosition && kind == protowire.VarintType:
			r.conflictPosition, _ = protowire.ConsumeVarint(message)
		}
		message = message[n:]
	}
	return true
}

// expectsStatus matches the user agents of libraries that always decode the details as
// a google.rpc.Status, and replace the status if they cannot. The Connect family has
// names such as grpc-go-connect, grpc-kotlin-connect and connect-es.
var expectsStatus = regexp.MustCompile(`\b(grpc-go|grpc-\w+-connect|connect-\w+)/`)

// addDetails adds details to the status of a failed call. It returns the status and the
// trailer to send, which may be nil. userAgent is the client's.
//
// A program that uses grpc-go or a library of the Connect family cannot read a bare
// message: its library replaces the status with "Internal: mismatch" or another code. For
// these, addDetails packs the message into the status.
func addDetails(st *status.Status, details *errorResponse, userAgent string) (*status.Status, metadata.MD) {
	encoded := details.encode()
	if expectsStatus.MatchString(userAgent) {
		packed := st.Proto()
		packed.Details = []*anypb.Any{{TypeUrl: errorResponseURL, Value: encoded}}
		return status.FromProto(packed), nil
	}
	return st, metadata.MD{detailsTrailer: {string(encoded)}}
}

// readDetails decodes the details of a failed call, in either form, and reports whether
// there are any.
//
// The forms can be distinguished because the first field of an ErrorResponse is not a number:
// that of a google.rpc.Status is a number other than 0.
func readDetails(sent []byte, details *errorResponse) bool {
	if len(sent) == 0 {
		return false
	}
	packed := new(rpcstatus.Status)
	if proto.Unmarshal(sent, packed) == nil && packed.GetCode() != 0 {
		for _, detail := range packed.GetDetails() {
			if detail.GetTypeUrl() == errorResponseURL {
				return details.decode(detail.GetValue())
			}
		}
		return false
	}
	return details.decode(sent)
}
