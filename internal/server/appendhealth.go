package server

import (
	"sync"
	"time"
)

// longestAppendStall is how long all appends may wait or be refused before the health
// of appendService is NOT_SERVING.
const longestAppendStall = 10 * time.Second

// appendHealth records whether appends are stuck: there are some, but none succeeds.
type appendHealth struct {
	mu      sync.Mutex
	stuck   bool          // guarded by mu
	changed chan struct{} // guarded by mu; closed when stuck changes
}

func newAppendHealth() appendHealth { return appendHealth{changed: make(chan struct{})} }

// get reports whether appends are stuck, and returns a channel that is closed when that
// changes.
func (h *appendHealth) get() (stuck bool, changed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stuck, h.changed
}

// set records whether appends are stuck, and reports whether that is a change.
func (h *appendHealth) set(stuck bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stuck == stuck {
		return false
	}
	h.stuck = stuck
	close(h.changed)
	h.changed = make(chan struct{})
	return true
}

// updateAppendHealth updates the health of appends. It is called once a second.
func (s *Server) updateAppendHealth() {
	stalled, refused := s.store.AppendStall(), s.appends.lasts(longestAppendStall)
	stuck := stalled >= longestAppendStall || refused >= longestAppendStall
	switch changed := s.health.set(stuck); {
	case !changed:
	case !stuck:
		s.log.Info("appends succeed again")
	case stalled >= longestAppendStall:
		s.log.Error("appends are stalled; the health of appends is NOT_SERVING", "for", stalled.Round(time.Second))
	default:
		s.log.Error("appends are refused: not enough memory; the health of appends is NOT_SERVING", "for", refused.Round(time.Second))
	}
}
