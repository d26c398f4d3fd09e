package server

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// formerService is what the service was called before it had a version. Old
// clients still call it so.
const formerService = "umadb.UmaDBService"

// register declares the services. Every method is a stream to gRPC, which is
// the same on the wire: so its handler and guard run before the request has
// been received, and not after.
func (s *Server) register() {
	methods := streams(map[string]handler{
		"Append":          s.append,
		"Read":            s.read,
		"Subscribe":       s.subscribe,
		"Head":            s.head,
		"GetTrackingInfo": s.trackingInfo,
	})
	for _, name := range []string{umadbv1.DCB_ServiceDesc.ServiceName, formerService} {
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

// isAppend reports whether a method is Append, by either name of its service.
func isAppend(method string) bool {
	return method == umadbv1.DCB_Append_FullMethodName || method == "/"+formerService+"/Append"
}

// handler answers one call.
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

// unknown answers a method that there is not.
func unknown(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	return status.Errorf(codes.Unimplemented, "there is no method %.200q", method)
}
