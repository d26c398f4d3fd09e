package server

import "time"

const (
	// monitorInterval is how often the monitor checks the server, and pressedInterval
	// how often while calls wait for memory that clients hold.
	monitorInterval = time.Second
	pressedInterval = 100 * time.Millisecond
)

// monitor runs until the server stops. Once a second it sets the health of appends,
// closes connections whose clients hold memory that others need, and logs what was
// counted.
func (s *Server) monitor() {
	tick := time.NewTicker(monitorInterval)
	defer tick.Stop()
	for {
		select {
		case <-s.stopping.Done():
			return
		case <-s.pressed:
			s.relieve()
		case <-tick.C:
			s.judgeAppends()
			s.conns.closeUnread()
			if s.responses.pools[largePool].quarters() >= 2 {
				s.conns.closeStalled(longestStall)
			}
			s.notices.flush()
		}
	}
}

// press wakes the monitor when memory or the number of calls is short.
func (s *Server) press() {
	select {
	case s.pressed <- struct{}{}:
	default:
	}
}

// relieve closes connections whose clients do not take their messages, as long as little
// is left of what others need.
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
// responses while calls find too little of it.
func (s *Server) isShort() bool {
	return s.calls.isShort() || s.responses.isShort()
}
