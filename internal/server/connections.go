package server

import (
	"container/list"
	"errors"
	"maps"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc/status"
)

const (
	// longestWrite is how long a client may leave a connection unread that the
	// server writes to.
	longestWrite = 10 * time.Second
	// longestStall is for how long a client may not take a message while half of
	// Options.ResponseMemory is in use, and shortestStall while other calls wait and a
	// quarter is left.
	longestStall  = 30 * time.Second
	shortestStall = 250 * time.Millisecond
)

// connections counts the open connections of all listeners. It closes those above the
// limit, and those whose clients do not take messages while others need the memory. It
// also ends handshakes when the server stops: gRPC would wait until they time out.
type connections struct {
	most    int
	notices *notices
	calls   *calls

	mu              sync.Mutex
	open            map[*connection]bool // guarded by mu
	unauthenticated list.List            // guarded by mu; those open that have not authenticated a call, oldest first
	handshaking     map[*connection]bool // guarded by mu; nil once stopped
}

func newConnections(most int, notices *notices, calls *calls) *connections {
	return &connections{
		most:        most,
		notices:     notices,
		calls:       calls,
		open:        make(map[*connection]bool),
		handshaking: make(map[*connection]bool),
	}
}

// limit returns a listener whose connections are counted.
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

// admit counts a connection, and reports whether it may stay open. If there are too
// many, the oldest that has not authenticated a call is closed to make room.
func (c *connections) admit(conn *connection) bool {
	if oldest := c.oldestUnauthenticated(); oldest != nil {
		c.notices.Warn("connections are closed to make room for others: as many are open as are allowed", oldest.Conn.RemoteAddr())
		oldest.Close()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.handshaking == nil {
		return false
	}
	if len(c.open) >= c.most {
		c.notices.Warn("connections are refused: as many are open as are allowed", conn.Conn.RemoteAddr())
		return false
	}
	c.open[conn] = true
	c.handshaking[conn] = true
	conn.element = c.unauthenticated.PushBack(conn)
	return true
}

// oldestUnauthenticated returns the connection to be closed for another one, or nil if there
// is room, or none.
func (c *connections) oldestUnauthenticated() *connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open) < c.most || c.unauthenticated.Len() == 0 {
		return nil
	}
	return c.unauthenticated.Front().Value.(*connection)
}

// authenticated notes that a connection has authenticated a call.
func (c *connections) authenticated(conn *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(conn)
}

// forget removes a connection from those that have not authenticated a call. The caller
// must hold mu.
func (c *connections) forget(conn *connection) {
	if conn.element != nil {
		c.unauthenticated.Remove(conn.element)
		conn.element = nil
	}
}

func (c *connections) established(conn *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.handshaking, conn)
}

func (c *connections) closed(conn *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(conn)
	delete(c.open, conn)
	delete(c.handshaking, conn)
}

// all returns the open connections.
func (c *connections) all() []*connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Keys(c.open))
}

// endLate ends the calls, with a status, that have been receiving their request since
// before some time.
func (c *connections) endLate(before time.Time, because *status.Status) {
	for _, conn := range c.all() {
		conn.endLate(before, because)
	}
}

// closeUnread releases calls that ended before their handler began, and closes the
// connections whose clients do not read at all.
func (c *connections) closeUnread() {
	for _, conn := range c.all() {
		conn.dropEnded(false)
		if !conn.blockedFor(longestWrite) {
			continue
		}
		c.notices.Warn("connections are closed: their clients do not read what was sent", conn.Conn.RemoteAddr())
		conn.Close()
	}
}

// closeStalled closes the connection that holds the most bytes of messages that were
// sent at least some time ago and not taken: only then does the transport drop them. It
// reports whether there was one.
func (c *connections) closeStalled(least time.Duration) bool {
	before := time.Now().Add(-least)
	var worst *connection
	var most int64
	c.mu.Lock()
	for conn := range c.open {
		if bytes := conn.stale(before); bytes > most {
			worst, most = conn, bytes
		}
	}
	c.mu.Unlock()
	if worst == nil {
		return false
	}
	c.notices.Warn("connections are closed: their clients do not take their events, and others need the memory", worst.Conn.RemoteAddr())
	worst.Close()
	return true
}

type limitedListener struct {
	net.Listener
	connections *connections
}

// Accept waits for a connection that may stay open.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				l.connections.warn(err)
			}
			return nil, err
		}
		conn := newConnection(accepted, l.connections)
		if l.connections.admit(conn) {
			return conn, nil
		}
		accepted.Close()
	}
}

// warn logs that accepting has failed.
func (c *connections) warn(err error) {
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		c.notices.Warn("connections cannot be accepted: there are no file descriptors left", nil)
		return
	}
	c.notices.Warn("connections cannot be accepted", nil)
}
