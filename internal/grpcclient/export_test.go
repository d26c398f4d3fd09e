package grpcclient

// Held returns how many bytes a stream has received that were not read.
func Held(s *Stream) int {
	s.call.session.mu.Lock()
	defer s.call.session.mu.Unlock()
	return int(s.call.held)
}
