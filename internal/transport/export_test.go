package transport

import "time"

// SetCloseTimeout changes closeTimeout for a server without connections.
func (s *Server) SetCloseTimeout(timeout time.Duration) { s.closeTimeout = timeout }

// Usage is what the connections of a server use.
type Usage struct {
	Conns, Streams, Blocked, Output int
}

// Usage returns what the connections use.
func (s *Server) Usage() (u Usage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.mu.Lock()
		u.Conns++
		u.Streams += len(c.streams)
		u.Blocked += len(c.output.blocked)
		u.Output += len(c.output.bytes)
		c.mu.Unlock()
	}
	return u
}

// BufferedCapacity returns the size of the buffer for the request of a stream.
func (s *Stream) BufferedCapacity() int {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return cap(s.body.data)
}

// WhileLocked calls f while the connection of the stream is locked.
func (s *Stream) WhileLocked(f func()) {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	f()
}
