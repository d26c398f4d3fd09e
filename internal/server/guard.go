package server

import (
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire"
)

// errStopping refuses or ends a call because the server is shutting down.
var errStopping = status.Error(codes.Unavailable, "the server is shutting down")

// guard is around every call: it admits it, survives its handler, and makes a
// status of what the handler returns.
func (s *Server) guard(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	defer func() { err = sendError(stream, err) }()
	defer s.recover(info.FullMethod, &err)
	if err := s.key.admit(stream.Context(), info.FullMethod); err != nil {
		return err
	}
	if info.IsClientStream {
		return s.untilStopping(service, stream, info, handler)
	}
	return handler(service, stream)
}

// recover makes an error of a panic, to be deferred.
func (s *Server) recover(method string, err *error) {
	if cause := recover(); cause != nil {
		s.log.Error("a handler panicked", "method", method, "panic", cause, "stack", string(debug.Stack()))
		*err = &dcb.Error{Kind: dcb.ErrInternal, Detail: "the server failed to handle the call"}
	}
}

// sendError gives the status to return, and sets the trailer beside it.
func sendError(stream grpc.ServerStream, err error) error {
	if err == nil {
		return nil
	}
	var userAgent string
	if values := metadata.ValueFromIncomingContext(stream.Context(), "user-agent"); len(values) > 0 {
		userAgent = values[0]
	}
	st, trailer := wire.ToStatus(err, userAgent)
	stream.SetTrailer(trailer)
	return st.Err()
}

// untilStopping calls a handler that waits for its client for as long as the
// client likes, and leaves it when the server is shutting down: once guard
// returns the stream is over, and so is the handler.
func (s *Server) untilStopping(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	finished := make(chan error, 1)
	go func() {
		var err error
		defer func() { finished <- err }()
		defer s.recover(info.FullMethod, &err)
		err = handler(service, stream)
	}()
	select {
	case err := <-finished:
		return err
	case <-s.stopping.Done():
		return errStopping
	}
}
