package server

import (
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// The health service is our own because anyone may call it: its requests are
// received like all others, within the same bounds, and a shutdown ends those
// who watch.

// healthServices are the names that can be asked for.
var healthServices = []string{"", umadbv1.DCB_ServiceDesc.ServiceName}

func knowsHealthOf(service string) bool { return slices.Contains(healthServices, service) }

// healthOf gives the health of a service, which is that of the server.
func (s *Server) healthOf(service string) health.HealthCheckResponse_ServingStatus {
	if !knowsHealthOf(service) {
		return health.HealthCheckResponse_SERVICE_UNKNOWN
	}
	select {
	case <-s.stopping.Done():
	case <-s.store.Failed():
	default:
		return health.HealthCheckResponse_SERVING
	}
	return health.HealthCheckResponse_NOT_SERVING
}

func (s *Server) checkHealth(stream grpc.ServerStream) error {
	request := new(health.HealthCheckRequest)
	if err := s.receiveSmall(stream, request); err != nil {
		return err
	}
	if !knowsHealthOf(request.GetService()) {
		return status.Error(codes.NotFound, "unknown service")
	}
	return stream.SendMsg(&health.HealthCheckResponse{Status: s.healthOf(request.GetService())})
}

func (s *Server) listHealth(stream grpc.ServerStream) error {
	if err := s.receiveSmall(stream, new(health.HealthListRequest)); err != nil {
		return err
	}
	statuses := make(map[string]*health.HealthCheckResponse)
	for _, service := range healthServices {
		statuses[service] = &health.HealthCheckResponse{Status: s.healthOf(service)}
	}
	return stream.SendMsg(&health.HealthListResponse{Statuses: statuses})
}

// watchHealth sends the health now and when it changes, which it does once:
// nothing heals but by a restart. It ends when the server shuts down.
func (s *Server) watchHealth(stream grpc.ServerStream) error {
	request := new(health.HealthCheckRequest)
	if err := s.receiveSmall(stream, request); err != nil {
		return err
	}
	failed := s.store.Failed()
	sent := health.HealthCheckResponse_UNKNOWN
	for {
		if now := s.healthOf(request.GetService()); now != sent {
			if err := stream.SendMsg(&health.HealthCheckResponse{Status: now}); err != nil {
				return err
			}
			sent = now
		}
		if s.stopping.Err() != nil {
			return nil
		}
		select {
		case <-s.stopping.Done():
		case <-failed:
			failed = nil
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}
