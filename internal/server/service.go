package server

import (
	"context"
	"maps"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// legacyService is the name of the service before it had a version. Old clients
// still use it.
const legacyService = "umadb.UmaDBService"

// dcbService is the name of the service.
var dcbService = umadbv1.DCB_ServiceDesc.ServiceName

// method is a method of a service.
type method struct {
	class   callClass // of its calls, once the connection has authenticated a call
	appends bool
	open    bool   // it can be called without a key
	rights  Rights // of which a key needs at least one
	// begin serves a call without waiting, or reports false. It is nil if every call may
	// have to wait.
	begin func(s *Server, c *call, request []byte) bool
	serve func(s *Server, c *call) error
}

// eventMethods are the methods of the DCB service by name.
var eventMethods = map[string]*method{
	"Append":          {class: brief, appends: true, begin: (*Server).beginAppend, serve: (*Server).handleAppend},
	"Read":            {class: lasting, serve: (*Server).handleRead},
	"Subscribe":       {class: lasting, serve: (*Server).handleSubscribe},
	"Head":            {class: brief, begin: (*Server).beginHead, serve: (*Server).handleHead},
	"PositionAt":      {class: brief, serve: (*Server).handlePositionAt},
	"GetTrackingInfo": {class: brief, serve: (*Server).handleTrackingInfo},
	"Terms":           {class: lasting, serve: (*Server).handleTerms},
	"Count":           {class: lasting, serve: (*Server).handleCount},
}

// healthMethods are the methods of the health service by name.
var healthMethods = map[string]*method{
	"Check": {class: brief, serve: (*Server).checkHealth},
	"List":  {class: brief, serve: (*Server).listHealth},
	"Watch": {class: lasting, serve: (*Server).watchHealth},
}

// unknownMethod stands for all methods that do not exist. Clients without a key do not learn
// that.
var unknownMethod = &method{class: brief, rights: AllRights, serve: func(_ *Server, c *call) error {
	return status.Errorf(codes.Unimplemented, "unknown method %.200q", c.Method())
}}

// register registers the services.
func (s *Server) register() {
	s.methods, s.services = make(map[string]*servedMethod), make(map[string]grpc.ServiceInfo)
	s.unknown = newServedMethod("unknown", unknownMethod)
	s.registerMethods(&umadbv1.DCB_ServiceDesc, eventMethods)
	for name, m := range eventMethods { // it has no descriptor for reflection
		s.addMethod(legacyService, name, *m)
	}
	if s.options.SharedLog != "" {
		s.addMethod(peerService, "Append", *forwardedAppend)
	}
	s.registerMethods(&grpc_health_v1.Health_ServiceDesc, healthMethods)
	reflection.Register(registrar{s})
}

// registerMethods registers a service that is described by generated code.
func (s *Server) registerMethods(desc *grpc.ServiceDesc, methods map[string]*method) {
	info := grpc.ServiceInfo{Metadata: desc.Metadata}
	for name, m := range methods {
		s.addMethod(desc.ServiceName, name, *m)
		info.Methods = append(info.Methods, grpc.MethodInfo{Name: name})
	}
	s.services[desc.ServiceName] = info
}

// addMethod registers a method.
func (s *Server) addMethod(service, name string, m method) {
	m.open = service == openService
	m.rights = rightsOf(service, name)
	name = service + "/" + name
	s.methods["/"+name] = newServedMethod(name, &m)
}

var _ grpc.ServiceRegistrar = (*Server)(nil)

// RegisterService registers a service that is described by generated code of gRPC. Its calls
// are bounded and authenticated as all others, and end when the server stops; a request has
// at most 4 KiB. It must be called before Serve.
func (s *Server) RegisterService(desc *grpc.ServiceDesc, service any) {
	methods := make(map[string]*method)
	for _, d := range desc.Methods {
		methods[d.MethodName] = &method{class: brief, serve: untilStop(func(s *Server, c *call) error {
			receive := func(request any) error { return s.receiveSmall(c, request.(proto.Message)) }
			response, err := d.Handler(service, c.Context(), receive, nil)
			if err != nil {
				return err
			}
			return (&countedStream{c, s.newSendWindow(c, new(progress))}).SendMsg(response)
		})}
	}
	for _, d := range desc.Streams {
		methods[d.StreamName] = &method{class: lasting, serve: untilStop(func(s *Server, c *call) error {
			return d.Handler(service, &countedStream{c, s.newSendWindow(c, c.trackMessages())})
		})}
	}
	s.registerMethods(desc, methods)
}

// untilStop returns a handler that ends when the server stops. serve may wait without a
// timeout.
func untilStop(serve func(*Server, *call) error) func(*Server, *call) error {
	return func(s *Server, c *call) error {
		stop := context.AfterFunc(s.stopping, func() { c.End(stopping, nil) })
		defer stop()
		return serve(s, c)
	}
}

// countedStream is a call whose messages are counted as those of reads are.
type countedStream struct {
	*call
	window *sendWindow
}

// SendMsg sends a message. It waits for memory, and for the client's windows.
func (c *countedStream) SendMsg(response any) error {
	encoded := response.(proto.Message)
	size := proto.Size(encoded)
	m, err := c.window.allocateFor(c.Context(), size)
	if err != nil {
		return err
	}
	*m.slab, err = proto.MarshalOptions{}.MarshalAppend((*m.slab)[:0], encoded)
	if err != nil {
		m.drop()
		return status.Errorf(codes.Internal, "cannot encode the message: %v", err)
	}
	return c.window.send(m, false)
}

// registrar is the server as package reflection uses it. With reflection, tools such as
// grpcurl list the services and their messages.
type registrar struct{ *Server }

var _ reflection.GRPCServer = registrar{}

// GetServiceInfo returns the services by name.
func (r registrar) GetServiceInfo() map[string]grpc.ServiceInfo { return maps.Clone(r.services) }
