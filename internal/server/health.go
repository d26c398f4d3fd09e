package server

import (
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// The health service is implemented here and not by grpc-go, because anyone may call
// it: its requests are received within the same bounds as all others, and a shutdown
// ends its watches.

// appendService is the service name for the health of appends. It is NOT_SERVING also
// while appends fail temporarily; the other services are NOT_SERVING only from a failure
// or shutdown until a restart.
const appendService = "umadb.v1.DCB/append"

// healthServices are the service names that have a health status.
var healthServices = []string{"", umadbv1.DCB_ServiceDesc.ServiceName, appendService}

func knowsHealthOf(service string) bool { return slices.Contains(healthServices, service) }

// healthOf returns the health status of a service: that of the server or of appends.
func (s *Server) healthOf(service string) health.HealthCheckResponse_ServingStatus {
	if !knowsHealthOf(service) {
		return health.HealthCheckResponse_SERVICE_UNKNOWN
	}
	select {
	case <-s.stopping.Done():
		return health.HealthCheckResponse_NOT_SERVING
	case <-s.store.Failed():
		return health.HealthCheckResponse_NOT_SERVING
	default:
	}
	if stuck, _ := s.health.get(); stuck && service == appendService {
		return health.HealthCheckResponse_NOT_SERVING
	}
	return health.HealthCheckResponse_SERVING
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

// watchHealth sends the health status now and whenever it changes, until the server
// shuts down.
func (s *Server) watchHealth(stream grpc.ServerStream) error {
	request := new(health.HealthCheckRequest)
	if err := s.receiveSmall(stream, request); err != nil {
		return err
	}
	leave, err := s.enterWatch(connectionOf(stream.Context()))
	if err != nil {
		return err
	}
	defer leave()
	failed := s.store.Failed()
	sent := health.HealthCheckResponse_UNKNOWN
	for {
		_, changed := s.health.get()
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
		case <-changed:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

// enterWatch counts a watch of a connection until leave is called. It returns an error
// if there are too many.
func (s *Server) enterWatch(c *connection) (leave func(), err error) {
	leave = func() { c.watches.Add(-1); s.watches.Add(-1) }
	own, all := c.watches.Add(1), s.watches.Add(1)
	switch {
	case own > connectionWatches:
		leave()
		return nil, status.Errorf(codes.ResourceExhausted, "this connection already has %d health watches; end some, or try again later", connectionWatches)
	case all > maxWatches:
		leave()
		s.notices.Warn("health watches are refused: there are too many", c.RemoteAddr())
		return nil, status.Errorf(codes.ResourceExhausted, "the server already has %d health watches; try again later", maxWatches)
	}
	return leave, nil
}
