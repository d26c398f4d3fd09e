package wire_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

const (
	detailsTrailer = "grpc-status-details-bin"
	goAgent        = "umadb-go grpc-go/1.85.0"
	rustAgent      = "tonic/0.12.3"
)

// errorType returns a pointer to an ErrorType.
func errorType(t umadbv1.ErrorResponse_ErrorType) *umadbv1.ErrorResponse_ErrorType { return &t }

// rows is the error table of the specification.
var rows = []struct {
	kind      error
	code      codes.Code
	errorType *umadbv1.ErrorResponse_ErrorType
	prefix    string
	back      error // the kind that a client returns
}{
	{dcb.ErrIntegrity, codes.FailedPrecondition, errorType(umadbv1.ErrorResponse_INTEGRITY), "integrity error: ", dcb.ErrIntegrity},
	{dcb.ErrInvalidArgument, codes.InvalidArgument, errorType(umadbv1.ErrorResponse_INVALID_ARGUMENT), "invalid argument: ", dcb.ErrInvalidArgument},
	{dcb.ErrAuthentication, codes.Unauthenticated, errorType(umadbv1.ErrorResponse_AUTHENTICATION), "authentication error: ", dcb.ErrAuthentication},
	{wire.ErrPermission, codes.PermissionDenied, errorType(umadbv1.ErrorResponse_AUTHENTICATION), "authentication error: ", dcb.ErrAuthentication},
	{dcb.ErrCorruption, codes.DataLoss, errorType(umadbv1.ErrorResponse_CORRUPTION), "corruption detected: ", dcb.ErrCorruption},
	{dcb.ErrIO, codes.Internal, errorType(umadbv1.ErrorResponse_IO), "io error: ", dcb.ErrIO},
	{dcb.ErrInternal, codes.Internal, errorType(umadbv1.ErrorResponse_INTERNAL), "internal error: ", dcb.ErrInternal},
	{dcb.ErrSerialization, codes.InvalidArgument, errorType(umadbv1.ErrorResponse_SERIALIZATION), "serialization error: ", dcb.ErrSerialization},
	{errors.New("no kind"), codes.Internal, errorType(umadbv1.ErrorResponse_INTERNAL), "internal error: ", dcb.ErrInternal},
	{dcb.ErrClosed, codes.Unavailable, nil, "", dcb.ErrTransport},
	{dcb.ErrTransport, codes.Unavailable, nil, "", dcb.ErrTransport},
	{context.Canceled, codes.Canceled, nil, "", dcb.ErrTransport},
	{context.DeadlineExceeded, codes.DeadlineExceeded, nil, "", dcb.ErrTransport},
}

func TestEveryKindIsSentInBothForms(t *testing.T) {
	for _, row := range rows {
		t.Run(row.kind.Error(), func(t *testing.T) {
			failure := &dcb.Error{Kind: row.kind, Detail: "what happened"}
			bare, trailer := wire.ToStatus(failure, rustAgent)
			proper, none := wire.ToStatus(failure, goAgent)
			if bare.Code() != row.code || proper.Code() != row.code || bare.Message() != proper.Message() {
				t.Errorf("statuses are %v and %v", bare, proper)
			}
			if !strings.HasPrefix(bare.Message(), row.prefix) || !strings.Contains(bare.Message(), "what happened") {
				t.Errorf("the message is %q", bare.Message())
			}
			if len(bare.Details()) != 0 || len(none) != 0 {
				t.Errorf("bare details are %v, a Go client's trailer %v", bare.Details(), none)
			}
			if row.errorType == nil {
				if len(trailer) != 0 || len(proper.Details()) != 0 {
					t.Errorf("details are %v and %v", trailer, proper.Details())
				}
			} else {
				want := &umadbv1.ErrorResponse{Message: bare.Message(), ErrorType: *row.errorType}
				got := new(umadbv1.ErrorResponse)
				if err := proto.Unmarshal([]byte(trailer[detailsTrailer][0]), got); err != nil || !proto.Equal(got, want) {
					t.Errorf("the trailer contains %v, want %v", got, want)
				}
				if !proto.Equal(proper.Details()[0].(proto.Message), want) {
					t.Errorf("the status contains %v, want %v", proper.Details(), want)
				}
			}
			for _, back := range []error{
				fromBare(bare, trailer),
				fromPacked(t, proper),
			} {
				wantError(t, back, row.back, "what happened")
			}
		})
	}
}

func TestDetailsHaveTheFormOfTheClientLibrary(t *testing.T) {
	for agent, proper := range map[string]bool{
		"umadb-go grpc-go/1.85.0":                 true,
		"grpc-go/1.62.1":                          true,
		"grpcurl/1.9.1 grpc-go/1.61.0":            true,
		"grpc-go-connect/1.18.1 (go1.23.4)":       true,
		"grpc-go-connect/2.0.2 (go1.26) buf/1.75": true,
		"grpc-kotlin-connect/0.7.4":               true,
		"connect-es/2.1.2":                        true,
		"tonic/0.12.3":                            false,
		"grpc-python/1.68.0 grpc-c/45.0.0":        false,
		"grpc-java-netty/1.68.0":                  false,
		"grpc-php/1.60.0 grpc-c/40.0.0":           false,
		"grpc-dotnet/2.66.0 (.NET 8.0)":           false,
		"grpc-elixir/0.9.0":                       false,
		"":                                        false,
	} {
		st, trailer := wire.ToStatus(&dcb.Error{Kind: dcb.ErrIntegrity, Detail: "condition"}, agent)
		if (len(st.Details()) == 1) != proper || (len(trailer) == 0) != proper || st.Code() != codes.FailedPrecondition {
			t.Errorf("%q: status %v with details %v, trailer %v", agent, st, st.Details(), trailer)
		}
	}
}

// fromBare returns the error of a client that has received a status and a trailer.
func fromBare(st *status.Status, trailer metadata.MD) error {
	return wire.FromStatus(st.Code(), st.Message(), []byte(strings.Join(trailer[detailsTrailer], "")))
}

// fromPacked returns the error of a client to which gRPC has sent the details with the status.
func fromPacked(t *testing.T, st *status.Status) error {
	t.Helper()
	var details []byte
	if len(st.Details()) > 0 {
		var err error
		if details, err = proto.Marshal(st.Proto()); err != nil {
			t.Fatal(err)
		}
	}
	return wire.FromStatus(st.Code(), st.Message(), details)
}

func wantError(t *testing.T, err, kind error, detail string) {
	t.Helper()
	var e *dcb.Error
	if !errors.As(err, &e) || e.Kind != kind {
		t.Errorf("got %v, want kind %v", err, kind)
		return
	}
	if !strings.HasSuffix(e.Detail, detail) && e.Cause == nil {
		t.Errorf("the detail is %q, want suffix %q", e.Detail, detail)
	}
	if strings.Count(err.Error(), kind.Error()) != 1 {
		t.Errorf("the kind is not in the message exactly once: %q", err)
	}
}

func TestConflictPositionIsSent(t *testing.T) {
	failure := fmt.Errorf("wrapped: %w", &dcb.Error{Kind: dcb.ErrIntegrity, Detail: "condition", ConflictPosition: 300})
	bare, trailer := wire.ToStatus(failure, "")
	proper, _ := wire.ToStatus(failure, goAgent)
	generated := new(umadbv1.ErrorResponse)
	if err := proto.Unmarshal([]byte(trailer[detailsTrailer][0]), generated); err != nil || generated.GetConflictPosition() != 300 {
		t.Errorf("the trailer contains %v, %v", generated, err)
	}
	for _, err := range []error{fromBare(bare, trailer), fromPacked(t, proper)} {
		var e *dcb.Error
		if !errors.As(err, &e) || e.ConflictPosition != 300 || e.Detail != "condition" {
			t.Errorf("got %#v", err)
		}
	}
}

func TestContextErrorIsAlsoTransportError(t *testing.T) {
	for code, cause := range map[codes.Code]error{
		codes.Canceled:         context.Canceled,
		codes.DeadlineExceeded: context.DeadlineExceeded,
	} {
		for _, err := range []error{
			wire.FromStatus(code, cause.Error(), nil),
			wire.FromStatus(code, "the request did not arrive", nil),
		} {
			if !errors.Is(err, dcb.ErrTransport) || !errors.Is(err, cause) {
				t.Errorf("%v does not match both kinds", err)
			}
		}
	}
}

func TestErrorsOfOtherServers(t *testing.T) {
	response := func(message string, errorType umadbv1.ErrorResponse_ErrorType) []byte {
		details, err := proto.Marshal(&umadbv1.ErrorResponse{Message: message, ErrorType: errorType})
		if err != nil {
			t.Fatal(err)
		}
		return details
	}
	for name, row := range map[string]struct {
		code    codes.Code
		details []byte
		want    error
	}{
		"permission denied":               {codes.PermissionDenied, nil, dcb.ErrAuthentication},
		"no key, no details":              {codes.Unauthenticated, nil, dcb.ErrAuthentication},
		"exhausted":                       {codes.ResourceExhausted, nil, dcb.ErrTransport},
		"unimplemented":                   {codes.Unimplemented, nil, dcb.ErrTransport},
		"no details":                      {codes.FailedPrecondition, nil, dcb.ErrTransport},
		"garbage":                         {codes.Internal, []byte("\xff"), dcb.ErrTransport},
		"empty":                           {codes.Internal, []byte{}, dcb.ErrTransport},
		"unknown type":                    {codes.Aborted, response("no", 99), dcb.ErrTransport},
		"unknown type, permission denied": {codes.PermissionDenied, response("no", 99), dcb.ErrAuthentication},
		"serialization":                   {codes.InvalidArgument, response("serialization error: no", umadbv1.ErrorResponse_SERIALIZATION), dcb.ErrSerialization},
		"message without the kind":        {codes.FailedPrecondition, response("no", umadbv1.ErrorResponse_INTEGRITY), dcb.ErrIntegrity},
	} {
		t.Run(name, func(t *testing.T) { wantError(t, wire.FromStatus(row.code, "no", row.details), row.want, "no") })
	}
	if err := wire.FromStatus(codes.Aborted, "no", response("no", 99)); !strings.Contains(err.Error(), "Aborted") {
		t.Errorf("the code is missing: %v", err)
	}
}

func TestStatusPassesUnchanged(t *testing.T) {
	st, trailer := wire.ToStatus(status.Error(codes.ResourceExhausted, "full"), rustAgent)
	if st.Code() != codes.ResourceExhausted || st.Message() != "full" || trailer != nil {
		t.Errorf("got %v, %v", st, trailer)
	}
}

func TestMessageIsPrintableAndShort(t *testing.T) {
	for _, detail := range []string{
		strings.Repeat("x", 5000),
		strings.Repeat("é", 5000),
		"x" + strings.Repeat("€", 5000),
		strings.Repeat("\xff", 5000),
		strings.Repeat("\x00\n\t\x7f", 5000),
		"short",
	} {
		st, _ := wire.ToStatus(&dcb.Error{Kind: dcb.ErrIO, Detail: detail}, "")
		text := st.Message()
		if len(text) > 1024 || !utf8.ValidString(text) || !strings.HasPrefix(text, "io error: ") {
			t.Errorf("%d bytes: %q", len(text), text)
		}
		if strings.ContainsAny(text, "\x00\n\t\x7f") {
			t.Errorf("not printable: %q", text)
		}
		if len(detail) > 2000 && (len(text) < 1000 || !strings.HasSuffix(text, "…")) {
			t.Errorf("%d bytes are left, ending in %q", len(text), text[len(text)-5:])
		}
	}
}
