package server

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

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
