package server

import "time"

const (
	// monitorInterval is the interval between checks of the server; pressedInterval is
	// the interval while calls wait for memory that clients hold.
	monitorInterval = time.Second
	pressedInterval = 100 * time.Millisecond
)

// monitor runs until the server stops. Once a second it updates the health of appends,
// ends calls whose request does not arrive or whose key has expired, closes connections whose clients hold memory
// that others need, and logs counted notices. When memory is short, it calls relieve.
func (s *Server) monitor() {
	tick := time.NewTicker(monitorInterval)
	defer tick.Stop()
	pressed := s.pressed
	var again <-chan time.Time // time of the next call of relieve
	for {
		select {
		case <-s.stopping.Done():
			return
		case <-pressed:
			pressed, again = s.relieve()
		case <-again:
			pressed, again = s.relieve()
		case <-tick.C:
			s.updateHealth()
			s.transport.EndArriving(time.Now().Add(-s.options.ReceiveTimeout), s.arrivalTimeout)
			s.conns.closeUnread()
			s.auth.endExpired()
			s.conns.unauthenticate(s.auth.current.Load().isValid)
			if s.responses.pools[largePool].quarters() >= 2 {
				s.conns.closeStalled(longestStall)
			}
			s.notices.flush()
		}
	}
}

// press wakes the monitor when memory for messages or calls is short.
func (s *Server) press() {
	select {
	case s.pressed <- struct{}{}:
	default:
	}
}

// relieve closes a connection whose client does not read its messages, if memory is short.
// It returns what to wait for before the next call: a press, or a time if memory may still
// be short.
func (s *Server) relieve() (pressed chan struct{}, again <-chan time.Time) {
	if !s.isShort() {
		return s.pressed, nil
	}
	s.conns.closeStalled(shortestStall)
	return nil, time.After(pressedInterval)
}

// isShort reports whether at most a quarter of the memory for calls is left, or of the
// memory for responses while calls are waiting for it.
func (s *Server) isShort() bool {
	return s.calls.isShort() || s.responses.isShort()
}
