package grpcclient

// Held returns how many bytes a stream has received that were not read.
func Held(s *Stream) int {
	s.call.session.mu.Lock()
	defer s.call.session.mu.Unlock()
	return int(s.call.held)
}

// Blocked returns how many entries the list of calls has that wait for the output or a
// window.
func Blocked(c *Conn) int {
	s := c.ready.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.blocked)
}
