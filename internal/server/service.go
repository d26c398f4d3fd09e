package server

import (
	"errors"
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// legacyService is the name of the service before it had a version. Old clients
// still use it.
const legacyService = "umadb.UmaDBService"

// register registers the services. Every method is registered as a stream, which
// is the same on the wire, so that guard and the handler run before the request is
// received.
func (s *Server) register() {
	methods := streams(map[string]handler{
		"Append":          s.handleAppend,
		"Read":            s.handleRead,
		"Subscribe":       s.handleSubscribe,
		"Head":            s.handleHead,
		"GetTrackingInfo": s.handleTrackingInfo,
	})
	for _, name := range []string{umadbv1.DCB_ServiceDesc.ServiceName, legacyService} {
		s.grpc.RegisterService(&grpc.ServiceDesc{
			ServiceName: name,
			Streams:     methods,
			Metadata:    umadbv1.DCB_ServiceDesc.Metadata,
		}, nil)
	}
	health := grpc_health_v1.Health_ServiceDesc
	s.grpc.RegisterService(&grpc.ServiceDesc{
		ServiceName: health.ServiceName,
		Streams: streams(map[string]handler{
			"Check": s.checkHealth,
			"List":  s.listHealth,
			"Watch": s.watchHealth,
		}),
		Metadata: health.Metadata,
	}, nil)
	s.registerReflection()
}

// isAppend reports whether a method is Append, under either name of the service.
func isAppend(method string) bool {
	return method == umadbv1.DCB_Append_FullMethodName || method == "/"+legacyService+"/Append"
}

// handler handles one call.
type handler func(stream grpc.ServerStream) error

func streams(handlers map[string]handler) []grpc.StreamDesc {
	var streams []grpc.StreamDesc
	for name, handle := range handlers {
		streams = append(streams, grpc.StreamDesc{
			StreamName:    name,
			Handler:       func(_ any, stream grpc.ServerStream) error { return handle(stream) },
			ServerStreams: true,
		})
	}
	return streams
}

// unknown handles calls to unknown methods.
func unknown(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	return status.Errorf(codes.Unimplemented, "unknown method %.200q", method)
}

// registerReflection lets tools such as grpcurl list the services and their messages.
func (s *Server) registerReflection() {
	reflection.Register(reflected{s.grpc})
}

// reflected is a server without legacyService, which has no descriptor.
type reflected struct{ *grpc.Server }

// GetServiceInfo returns the services by name.
func (r reflected) GetServiceInfo() map[string]grpc.ServiceInfo {
	services := r.Server.GetServiceInfo()
	delete(services, legacyService)
	return services
}

// stopping is the status of a call that is refused or ended because the server is
// shutting down. An append with this status has no effect.
var (
	stopping    = status.New(codes.Unavailable, wire.Stopping)
	errStopping = stopping.Err()
)

// guard is called for every admitted call. It authenticates the call, calls its handler,
// recovers from a panic, and converts the error of the handler to a status.
func (s *Server) guard(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	call := callOf(stream.Context())
	if !call.start(stream) {
		return status.FromContextError(stream.Context().Err()).Err()
	}
	stream = call
	defer call.end()
	defer func() { err = sendError(stream, err) }()
	defer func() { s.noteRefusal(call, info.FullMethod, err) }()
	defer s.recoverPanic(info.FullMethod, &err)
	if call.denied != nil {
		s.notices.Warn("calls are refused: the API key is missing or wrong", call.connection.RemoteAddr())
		return call.denied
	}
	if info.IsClientStream {
		return s.untilStopping(service, stream, info, handler)
	}
	return handler(service, stream)
}

// noteRefusal records that a call was refused because of insufficient memory.
func (s *Server) noteRefusal(c *call, method string, err error) {
	if refused := (*exhausted)(nil); !errors.As(err, &refused) {
		return
	}
	s.notices.Warn("calls are refused: not enough memory", c.connection.RemoteAddr())
	if isAppend(method) {
		s.appends.refused()
	}
}

// recoverPanic recovers from a panic and stores an error in err. It must be deferred.
func (s *Server) recoverPanic(method string, err *error) {
	if cause := recover(); cause != nil {
		s.log.Error("a handler panicked", "method", method, "panic", cause, "stack", string(debug.Stack()))
		*err = &dcb.Error{Kind: dcb.ErrInternal, Detail: "the server failed to handle the call"}
	}
}

// sendError converts the error of a handler to the status to return, and sets the trailer.
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

// untilStopping calls a handler that may wait for its client without a timeout. When the
// server shuts down, untilStopping returns before the handler does; the stream then ends,
// and with it the handler.
func (s *Server) untilStopping(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	finished := make(chan error, 1)
	go func() {
		var err error
		defer func() { finished <- err }()
		defer s.recoverPanic(info.FullMethod, &err)
		err = handler(service, stream)
	}()
	select {
	case err := <-finished:
		return err
	case <-s.stopping.Done():
		return errStopping
	}
}
