package wire

import (
	"regexp"

	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
)

// detailsTrailer is the trailer that contains the details of a status. gRPC reserves
// the name for a google.rpc.Status, but existing clients of UmaDB decode a bare message, so
// that is what the server sends them.
const detailsTrailer = "grpc-status-details-bin"

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
func addDetails(st *status.Status, details proto.Message, userAgent string) (*status.Status, metadata.MD) {
	if expectsStatus.MatchString(userAgent) {
		detailed, err := st.WithDetails(protoadapt.MessageV1Of(details))
		if err != nil {
			return st, nil
		}
		return detailed, nil
	}
	bare, err := proto.Marshal(details)
	if err != nil {
		return st, nil
	}
	return st, metadata.MD{detailsTrailer: {string(bare)}}
}

// readDetails decodes the details of a failed call, in either form, and reports whether
// there are any.
//
// The forms can be distinguished if the first field of details is not a number: that of a
// google.rpc.Status is a number other than 0.
func readDetails(sent []byte, details proto.Message) bool {
	if len(sent) == 0 {
		return false
	}
	packed := new(rpcstatus.Status)
	if proto.Unmarshal(sent, packed) == nil && packed.GetCode() != 0 {
		for _, detail := range packed.GetDetails() {
			if detail.UnmarshalTo(details) == nil {
				return true
			}
		}
		return false
	}
	return proto.Unmarshal(sent, details) == nil
}
