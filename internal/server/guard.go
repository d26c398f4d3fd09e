package server

import (
	"errors"
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire"
)

// stopping is the status of a call that is refused or ended because the server is
// shutting down. An append with this status has had no effect.
var (
	stopping    = status.New(codes.Unavailable, wire.Stopping)
	errStopping = stopping.Err()
)

// guard is called for every call that tap has admitted. It authenticates the call, calls
// its handler, recovers from a panic, and converts the error of the handler to a status.
func (s *Server) guard(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	call := callOf(stream.Context())
	if !call.begin(stream) {
		return status.FromContextError(stream.Context().Err()).Err()
	}
	stream = call
	defer call.end()
	defer func() { err = sendError(stream, err) }()
	defer func() { s.noteRefusal(call, info.FullMethod, err) }()
	defer s.recover(info.FullMethod, &err)
	if call.denied != nil {
		s.notices.Warn("calls are refused: their API key is missing or wrong", call.connection.RemoteAddr())
		return call.denied
	}
	if info.IsClientStream {
		return s.untilStopping(service, stream, info, handler)
	}
	return handler(service, stream)
}

// noteRefusal notes that a call was refused for lack of memory.
func (s *Server) noteRefusal(c *call, method string, err error) {
	if refused := (*exhausted)(nil); !errors.As(err, &refused) {
		return
	}
	s.notices.Warn("calls are refused: there is no memory for them", c.connection.RemoteAddr())
	if isAppend(method) {
		s.appends.refused()
	}
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
