package server

import (
	"cmp"
	"errors"
	"slices"

	"google.golang.org/grpc/codes"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// The health service is implemented here and not by grpc-go's package, because anyone may
// call it: its requests are received within the same bounds as all others, and a shutdown
// ends its watches.

// The services "" and localService are NOT_SERVING from a failure or shutdown until a restart,
// which is the remedy. What else prevents calls is temporary, and a restart would make it worse.
const (
	// localService is the service name for the health of reads of what the server has. It is
	// NOT_SERVING also until a server of a shared log has caught up after its start.
	localService = "umadb.v1.DCB/local"
	// appendService is the service name for the health of appends. It is NOT_SERVING also
	// while appends fail temporarily.
	appendService = "umadb.v1.DCB/append"
)

// healthServices are the service names that have a health status. That of dcbService is
// NOT_SERVING also while appends and fresh reads fail because of a shared log.
var healthServices = []string{"", umadbv1.DCB_ServiceDesc.ServiceName, localService, appendService}

func knowsHealthOf(service string) bool { return slices.Contains(healthServices, service) }

// healthOf returns the health status of a service: that of the server or of appends.
func (s *Server) healthOf(service string) health.HealthCheckResponse_ServingStatus {
	if !knowsHealthOf(service) {
		return health.HealthCheckResponse_SERVICE_UNKNOWN
	}
	if s.notServing(service) != nil {
		return health.HealthCheckResponse_NOT_SERVING
	}
	return health.HealthCheckResponse_SERVING
}

// Reasons why the server is not ready.
var (
	errShutdown      = errors.New("the server is stopping")
	errFailed        = errors.New("the store has failed and accepts no more appends; restart the server")
	errAppendStall   = errors.New("appends are stalled")
	errAppendMemory  = errors.New("appends are refused: not enough memory")
	errAppendNoSpace = errors.New("appends are refused: not enough disk space")
)

// Ready returns the reason why the health of appends is NOT_SERVING, or nil.
func (s *Server) Ready() error { return s.notServing(appendService) }

// notServing returns the reason why the health of a service is NOT_SERVING, or nil.
func (s *Server) notServing(service string) error {
	if s.stopping.Err() != nil {
		return errShutdown
	}
	select {
	case <-s.store.Failed():
		return errFailed
	default:
	}
	_, now := s.health.get()
	switch service {
	case localService:
		return now.catchingUp
	case dcbService:
		return now.unavailable
	case appendService:
		return cmp.Or(now.unavailable, s.options.AppendsRefused, now.stuck)
	}
	return nil
}

func (s *Server) checkHealth(c *call) error {
	request := new(health.HealthCheckRequest)
	if err := s.receiveSmall(c, request); err != nil {
		return err
	}
	if !knowsHealthOf(request.GetService()) {
		return status.Error(codes.NotFound, "unknown service")
	}
	return c.SendMsg(&health.HealthCheckResponse{Status: s.healthOf(request.GetService())})
}

func (s *Server) listHealth(c *call) error {
	if err := s.receiveSmall(c, new(health.HealthListRequest)); err != nil {
		return err
	}
	statuses := make(map[string]*health.HealthCheckResponse)
	for _, service := range healthServices {
		statuses[service] = &health.HealthCheckResponse{Status: s.healthOf(service)}
	}
	return c.SendMsg(&health.HealthListResponse{Statuses: statuses})
}

// watchHealth sends the health status now and whenever it changes, until the server
// shuts down.
func (s *Server) watchHealth(c *call) error {
	request := new(health.HealthCheckRequest)
	if err := s.receiveSmall(c, request); err != nil {
		return err
	}
	leave, err := s.enterWatch(c.connection)
	if err != nil {
		return err
	}
	defer leave()
	failed := s.store.Failed()
	sent := health.HealthCheckResponse_UNKNOWN
	for {
		changed, _ := s.health.get()
		if now := s.healthOf(request.GetService()); now != sent {
			if err := c.SendMsg(&health.HealthCheckResponse{Status: now}); err != nil {
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
		case <-c.Context().Done():
			return c.Context().Err()
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
		return nil, refuse(refusedWatches, "this connection already has %d health watches; end some, or try again later", connectionWatches)
	case all > maxWatches:
		leave()
		return nil, refuse(refusedWatches, "the server already has %d health watches; try again later", maxWatches)
	}
	return leave, nil
}
