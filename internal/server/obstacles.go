package server

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// longestAppendStall is how long all appends may wait or be refused before the health
// of appendService is NOT_SERVING.
const longestAppendStall = 10 * time.Second

// obstacles are the reasons why calls fail for now, or nil.
type obstacles struct {
	// catchingUp is why all calls would find far too little.
	catchingUp error
	// unavailable is why appends and fresh reads fail, whatever they are.
	unavailable error
	// stuck is why appends do not succeed: there are some, but none is answered, or there is no
	// space for one of them.
	stuck error
}

// changes reports whether an obstacle has come or gone since before.
func (o obstacles) changes(before obstacles) bool {
	return (o.catchingUp == nil) != (before.catchingUp == nil) ||
		(o.unavailable == nil) != (before.unavailable == nil) ||
		(o.stuck == nil) != (before.stuck == nil)
}

// currentHealth records the obstacles.
type currentHealth struct {
	mu      sync.Mutex
	now     obstacles     // guarded by mu
	changed chan struct{} // guarded by mu; closed when an obstacle has come or gone
}

func newCurrentHealth() currentHealth { return currentHealth{changed: make(chan struct{})} }

// get returns a channel that is closed when an obstacle has come or gone, and the obstacles.
func (h *currentHealth) get() (changed <-chan struct{}, now obstacles) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changed, h.now
}

// set records the obstacles, and returns those before.
func (h *currentHealth) set(now obstacles) (before obstacles) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before, h.now = h.now, now
	if now.changes(before) {
		close(h.changed)
		h.changed = make(chan struct{})
	}
	return before
}

// updateHealth updates the obstacles. It is called once a second.
func (s *Server) updateHealth() {
	stalled, refused := s.store.AppendStall(), s.appends.lasts(longestAppendStall)
	full := s.store.AppendRefusal()
	now := obstacles{catchingUp: s.store.CatchingUp(), unavailable: s.store.Unavailable()}
	switch {
	case full != nil:
		now.stuck = errAppendNoSpace
	case now.unavailable != nil: // appends wait for the same reason
	case stalled >= longestAppendStall:
		now.stuck = errAppendStall
	case refused >= longestAppendStall:
		now.stuck = errAppendMemory
	}
	before := s.health.set(now)
	if now.changes(before) {
		s.logUnavailable(before, now)
		s.logStuck(before, now, full)
	}
}

// logUnavailable logs that all appends and fresh reads fail, or no longer do.
func (s *Server) logUnavailable(before, now obstacles) {
	switch {
	case (before.unavailable == nil) == (now.unavailable == nil):
	case now.unavailable == nil:
		s.log.Info("appends and fresh reads succeed again")
	case now.catchingUp != nil:
		s.log.Info("the server is not ready; its health is NOT_SERVING", "reason", now.catchingUp)
	default:
		s.log.Error("appends and fresh reads fail; their health is NOT_SERVING", "error", now.unavailable)
	}
}

// logStuck logs that appends are stuck, or succeed again. full is the error for lack of space.
func (s *Server) logStuck(before, now obstacles, full error) {
	switch {
	case (before.stuck == nil) == (now.stuck == nil):
	case now.stuck == nil && now.unavailable != nil: // that is logged
	case now.stuck == nil:
		s.log.Info("appends succeed again")
	case full != nil:
		s.log.Error("appends are refused: not enough disk space; the health of appends is NOT_SERVING", "error", full)
	case errors.Is(now.stuck, errAppendStall):
		s.log.Error("appends are stalled; the health of appends is NOT_SERVING", "for", s.store.AppendStall().Round(time.Second))
	default:
		s.log.Error("appends are refused: not enough memory; the health of appends is NOT_SERVING", "for", s.appends.lasts(longestAppendStall).Round(time.Second))
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
