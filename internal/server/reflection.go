package server

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection"
)

// registerReflection lets tools like grpcurl ask for the services and their
// messages.
func (s *Server) registerReflection() {
	reflection.Register(reflected{s.grpc})
}

// reflected shows the services that have a description: the former name of
// ours has none.
type reflected struct{ *grpc.Server }

// GetServiceInfo gives the services to show by their names.
func (r reflected) GetServiceInfo() map[string]grpc.ServiceInfo {
	services := r.Server.GetServiceInfo()
	delete(services, formerService)
	return services
}
