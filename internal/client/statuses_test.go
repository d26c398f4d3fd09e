package client_test

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire"
)

// Errors of servers.
var (
	errStoppingServer = status.Error(codes.Unavailable, wire.Stopping)
	errSilent         = &dcb.Error{Kind: dcb.ErrTransport, Detail: "the shared log has not answered this server for 12s; nothing was appended"}
	errStandby        = &dcb.Error{Kind: dcb.ErrIO, Detail: "this server is a standby of http://a and accepts no appends"}
	errDisk           = &dcb.Error{Kind: dcb.ErrIO, Detail: "disk"}
	errConflict       = &dcb.Error{Kind: dcb.ErrIntegrity, Detail: "it matches"}
)

func conflictAt(position uint64) error {
	return &dcb.Error{Kind: dcb.ErrIntegrity, Detail: "it matches", ConflictPosition: position}
}

func grpcError(code codes.Code, text string) error { return status.Error(code, text) }

// withDetails returns an error as our server sends it.
func withDetails(ctx context.Context, err error) error {
	if _, ok := errors.AsType[*dcb.Error](err); !ok {
		return err
	}
	st, trailer := wire.ToStatus(err, "umadb-go")
	grpc.SetTrailer(ctx, trailer)
	return st.Err()
}
