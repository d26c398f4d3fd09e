package server

import "time"

const (
	// monitorInterval is how often the monitor checks the server, and pressedInterval
	// how often while calls wait for memory that clients hold.
	monitorInterval = time.Second
	pressedInterval = 100 * time.Millisecond
)

// monitor runs until the server stops. Once a second it sets the health of appends, ends
// calls whose request does not arrive, closes connections whose clients hold memory that
// others need, and logs what was counted. It also relieves the server when it is pressed.
func (s *Server) monitor() {
	tick := time.NewTicker(monitorInterval)
	defer tick.Stop()
	pressed := s.pressed
	var again <-chan time.Time // when to relieve again
	for {
		select {
		case <-s.stopping.Done():
			return
		case <-pressed:
			pressed, again = s.relieve()
		case <-again:
			pressed, again = s.relieve()
		case <-tick.C:
			s.judgeAppends()
			s.conns.endLate(time.Now().Add(-s.options.ReceiveTimeout), s.late)
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

// relieve closes a connection whose client does not take its messages, if little is left
// of what others need. It returns what to wait for before the next call: a press, or a
// time if this was not enough yet.
func (s *Server) relieve() (pressed chan struct{}, again <-chan time.Time) {
	if !s.isShort() {
		return s.pressed, nil
	}
	s.conns.closeStalled(shortestStall)
	return nil, time.After(pressedInterval)
}

// isShort reports whether at most a quarter is left of the calls, or of the memory for
// responses while calls find too little of it.
func (s *Server) isShort() bool {
	return s.calls.isShort() || s.responses.isShort()
}
