package server

import (
	"log/slog"
	"net"
	"sync"
	"time"
)

// refusalsLogged is how often, at the most, it is logged that there are too
// many connections.
const refusalsLogged = 10 * time.Second

// connections counts the open connections of all listeners and closes what is
// too many. It also ends handshakes when the server stops: gRPC would wait
// until they time out.
type connections struct {
	most int
	log  *slog.Logger

	mu          sync.Mutex
	open        int                  // guarded by mu
	handshaking map[*connection]bool // guarded by mu; nil once stopped
	logged      time.Time            // guarded by mu; when a refusal was, last
}

func newConnections(most int, log *slog.Logger) *connections {
	return &connections{most: most, log: log, handshaking: make(map[*connection]bool)}
}

// limit gives the listener whose connections are counted.
func (c *connections) limit(listener net.Listener) net.Listener {
	return &limitedListener{listener, c}
}

// stop closes the connections that are not established yet, now and later.
func (c *connections) stop() {
	c.mu.Lock()
	handshaking := c.handshaking
	c.handshaking = nil
	c.mu.Unlock()
	for conn := range handshaking {
		conn.Close()
	}
}

// admit counts a connection, or tells that it is one too many.
func (c *connections) admit(conn *connection) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.handshaking == nil {
		return false
	}
	if c.open >= c.most {
		if time.Since(c.logged) > refusalsLogged {
			c.logged = time.Now()
			c.log.Warn("connections are refused, there are too many", "open", c.open)
		}
		return false
	}
	c.open++
	c.handshaking[conn] = true
	return true
}

func (c *connections) established(conn *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.handshaking, conn)
}

func (c *connections) closed(conn *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	delete(c.handshaking, conn)
}

type limitedListener struct {
	net.Listener
	connections *connections
}

// Accept waits for a connection that is not too many.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		conn := &connection{Conn: accepted, connections: l.connections}
		if l.connections.admit(conn) {
			return conn, nil
		}
		accepted.Close()
	}
}

type connection struct {
	net.Conn
	connections *connections
	close       sync.Once
}

// SetDeadline is how gRPC says that the handshake is over: it takes its
// deadline away.
func (c *connection) SetDeadline(t time.Time) error {
	if t.IsZero() {
		c.connections.established(c)
	}
	return c.Conn.SetDeadline(t)
}

// Close closes the connection and counts it off.
func (c *connection) Close() error {
	c.close.Do(func() { c.connections.closed(c) })
	return c.Conn.Close()
}
