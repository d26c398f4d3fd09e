package server

import (
	"sync"
	"time"
)

// longestAppendStall is for how long all appends may wait or be refused before the
// health of appendService is NOT_SERVING.
const longestAppendStall = 10 * time.Second

// appendHealth records whether appends are stuck: none is made although some are tried.
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

// set sets whether appends are stuck, and reports whether that is a change.
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

// judgeAppends sets the health of appends. It is called once a second.
func (s *Server) judgeAppends() {
	stalled, refused := s.store.AppendStall(), s.appends.lasts(longestAppendStall)
	stuck := stalled >= longestAppendStall || refused >= longestAppendStall
	switch changed := s.health.set(stuck); {
	case !changed:
	case !stuck:
		s.log.Info("appends are made again")
	case stalled >= longestAppendStall:
		s.log.Error("appends wait and none is made; the health of appends is NOT_SERVING", "for", stalled.Round(time.Second))
	default:
		s.log.Error("appends are refused for lack of memory; the health of appends is NOT_SERVING", "for", refused.Round(time.Second))
	}
}
