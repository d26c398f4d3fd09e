package server

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// The health service is implemented here and not by grpc-go's package, because anyone may
// call it: its requests are received within the same bounds as all others, and a shutdown
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
	if service != appendService {
		return nil
	}
	if s.options.AppendsRefused != nil {
		return s.options.AppendsRefused
	}
	_, stuck := s.health.get()
	return stuck
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

// longestAppendStall is how long all appends may wait or be refused before the health
// of appendService is NOT_SERVING.
const longestAppendStall = 10 * time.Second

// appendHealth records whether appends are stuck: there are some, but none succeeds, or
// there is no space for one of them.
type appendHealth struct {
	mu      sync.Mutex
	stuck   error         // guarded by mu; the reason, or nil
	changed chan struct{} // guarded by mu; closed when appends become stuck or succeed again
}

func newAppendHealth() appendHealth { return appendHealth{changed: make(chan struct{})} }

// get returns a channel that is closed when appends become stuck or succeed again, and the
// reason why they are stuck now, or nil.
func (h *appendHealth) get() (changed <-chan struct{}, stuck error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changed, h.stuck
}

// set records the reason why appends are stuck, nil if they are not, and reports whether they
// have become stuck or succeed again.
func (h *appendHealth) set(stuck error) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.stuck
	h.stuck = stuck
	if (before == nil) == (stuck == nil) {
		return false
	}
	close(h.changed)
	h.changed = make(chan struct{})
	return true
}

// updateAppendHealth updates the health of appends. It is called once a second.
func (s *Server) updateAppendHealth() {
	stalled, refused := s.store.AppendStall(), s.appends.lasts(longestAppendStall)
	full := s.store.AppendRefusal()
	var stuck error
	switch {
	case full != nil:
		stuck = errAppendNoSpace
	case stalled >= longestAppendStall:
		stuck = errAppendStall
	case refused >= longestAppendStall:
		stuck = errAppendMemory
	}
	switch changed := s.health.set(stuck); {
	case !changed:
	case stuck == nil:
		s.log.Info("appends succeed again")
	case full != nil:
		s.log.Error("appends are refused: not enough disk space; the health of appends is NOT_SERVING", "error", full)
	case stalled >= longestAppendStall:
		s.log.Error("appends are stalled; the health of appends is NOT_SERVING", "for", stalled.Round(time.Second))
	default:
		s.log.Error("appends are refused: not enough memory; the health of appends is NOT_SERVING", "for", refused.Round(time.Second))
	}
}

// starvation measures for how long all calls of one kind have been refused because of
// insufficient memory.
type starvation struct {
	since atomic.Int64 // the first refusal since a call was granted, in Unix ns; 0 for none
	last  atomic.Int64 // the last refusal
}

// refused records that a call was refused.
func (s *starvation) refused() {
	now := time.Now().UnixNano()
	s.last.Store(now)
	s.since.CompareAndSwap(0, now)
}

// granted records that a call was not refused.
func (s *starvation) granted() {
	if s.since.Load() != 0 {
		s.since.Store(0)
	}
}

// lasts returns for how long calls have been refused. It returns 0 if the last refusal
// was at least least ago, since no client has called since.
func (s *starvation) lasts(least time.Duration) time.Duration {
	since, now := s.since.Load(), time.Now()
	if since == 0 || now.Sub(time.Unix(0, s.last.Load())) >= least {
		return 0
	}
	return now.Sub(time.Unix(0, since))
}
