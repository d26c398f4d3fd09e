package server

import (
	"context"
	"maps"

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
	"GetTrackingInfo": {class: brief, serve: (*Server).handleTrackingInfo},
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
	s.methods, s.services = make(map[string]*method), make(map[string]grpc.ServiceInfo)
	s.registerMethods(&umadbv1.DCB_ServiceDesc, eventMethods)
	for name, m := range eventMethods { // it has no descriptor for reflection
		s.addMethod(legacyService, name, *m)
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
	s.methods["/"+service+"/"+name] = &m
}

// registrar is the server as package reflection uses it. With reflection, tools such as
// grpcurl list the services and their messages.
type registrar struct{ *Server }

var _ reflection.GRPCServer = registrar{}

// RegisterService registers a service of grpc-go, whose methods must be streams.
func (r registrar) RegisterService(desc *grpc.ServiceDesc, service any) {
	methods := make(map[string]*method)
	for _, d := range desc.Streams {
		methods[d.StreamName] = &method{class: lasting, serve: func(s *Server, c *call) error {
			// The handler may wait for its client without a timeout.
			stop := context.AfterFunc(s.stopping, func() { c.End(stopping, nil) })
			defer stop()
			return d.Handler(service, c)
		}}
	}
	r.registerMethods(desc, methods)
}

// GetServiceInfo returns the services by name.
func (r registrar) GetServiceInfo() map[string]grpc.ServiceInfo { return maps.Clone(r.services) }
