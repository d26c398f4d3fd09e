package server

import "time"

const (
	// minderInterval is how often the minder looks, and pressedInterval how often
	// while calls wait for memory that clients hold.
	minderInterval  = time.Second
	pressedInterval = 100 * time.Millisecond
)

// mind runs until the server stops: once a second it judges the health, closes
// connections whose clients hold what others need, and logs what was counted.
func (s *Server) mind() {
	tick := time.NewTicker(minderInterval)
	defer tick.Stop()
	for {
		select {
		case <-s.stopping.Done():
			return
		case <-s.pressed:
			s.relieve()
		case <-tick.C:
			s.judgeAppends()
			s.conns.tidy()
			if s.responses.pools[largePool].quarters() >= 2 {
				s.conns.closeStalled(longestStall)
			}
			s.notices.flush()
		}
	}
}

// press wakes the minder for a call that waits for memory.
func (s *Server) press() {
	select {
	case s.pressed <- struct{}{}:
	default:
	}
}

// relieve closes connections that hold messages which their clients do not take, as
// long as little is left of what others need.
func (s *Server) relieve() {
	pause := time.NewTicker(pressedInterval)
	defer pause.Stop()
	for s.isShort() {
		s.conns.closeStalled(shortestStall)
		select {
		case <-s.stopping.Done():
			return
		case <-pause.C:
		}
	}
}

// isShort reports whether at most a quarter is left of the calls, or of the memory for
// responses while calls wait for it.
func (s *Server) isShort() bool {
	return s.calls.isShort() || s.responses.waiting.Load() > 0 && s.responses.pools[largePool].quarters() >= 3
}
