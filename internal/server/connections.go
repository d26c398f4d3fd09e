package server

import (
	"container/list"
	"errors"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// longestWrite is how long a write to a connection may take before the connection is
	// closed, because its client does not read.
	longestWrite = 10 * time.Second
	// longestStall is how long a client may leave a message unread while half of
	// Options.ResponseMemory is in use; shortestStall is the same while other calls wait
	// and at most a quarter is left.
	longestStall  = 30 * time.Second
	shortestStall = 250 * time.Millisecond
)

// connections counts the open connections of all listeners. It closes those above the
// limit, and those whose clients do not read messages while others need the memory.
type connections struct {
	most     int
	notices  *notices
	accepted atomic.Uint64 // number of connections so far

	received, sent atomic.Uint64 // bytes of all connections

	mu              sync.Mutex
	open            map[*connection]bool // guarded by mu
	unauthenticated list.List            // guarded by mu; open connections that have not authenticated a call, oldest first
}

func newConnections(most int, notices *notices) *connections {
	return &connections{
		most:    most,
		notices: notices,
		open:    make(map[*connection]bool),
	}
}

// limit returns a listener whose connections are counted.
func (c *connections) limit(listener net.Listener) net.Listener {
	return &limitedListener{listener, c}
}

// admit counts a connection, and reports whether it may stay open. If there are too
// many, admit first closes the oldest one that has not authenticated a call.
func (c *connections) admit(conn *connection) bool {
	if oldest := c.oldestUnauthenticated(); oldest != nil {
		c.notices.Warn(evictedConnections, oldest.Conn.RemoteAddr())
		oldest.Close()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open) >= c.most {
		c.notices.Warn(refusedConnections, conn.Conn.RemoteAddr())
		return false
	}
	c.open[conn] = true
	conn.element = c.unauthenticated.PushBack(conn)
	return true
}

// oldestUnauthenticated returns the connection to close before another one is admitted, or
// nil if the limit is not reached or there is no such connection.
func (c *connections) oldestUnauthenticated() *connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open) < c.most || c.unauthenticated.Len() == 0 {
		return nil
	}
	return c.unauthenticated.Front().Value.(*connection)
}

// authenticated records that a connection has authenticated a call.
func (c *connections) authenticated(conn *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(conn)
}

// unauthenticate makes the connections whose last key is not valid any longer unauthenticated: they
// are closed if others need their place.
func (c *connections) unauthenticate(isValid func(*key) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.open {
		if conn.element == nil && !isValid(conn.key.Load()) {
			conn.authenticated.Store(false)
			conn.element = c.unauthenticated.PushBack(conn)
		}
	}
}

// forget removes a connection from the unauthenticated ones. The caller must hold mu.
func (c *connections) forget(conn *connection) {
	if conn.element != nil {
		c.unauthenticated.Remove(conn.element)
		conn.element = nil
	}
}

func (c *connections) closed(conn *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(conn)
	delete(c.open, conn)
}

// count returns the number of open connections.
func (c *connections) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}

// all returns the open connections.
func (c *connections) all() []*connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Keys(c.open))
}

// closeUnread closes the connections whose clients do not read at all.
func (c *connections) closeUnread() {
	for _, conn := range c.all() {
		if !conn.blockedFor(longestWrite) {
			continue
		}
		c.notices.Warn(closedUnread, conn.Conn.RemoteAddr())
		conn.Close()
	}
}

// closeStalled closes the connection with the most bytes of messages that were sent at
// least least ago and are not read, since the transport does not drop them otherwise. It
// reports whether there was such a connection.
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
	c.notices.Warn(closedStalled, worst.Conn.RemoteAddr())
	worst.Close()
	return true
}

type limitedListener struct {
	net.Listener
	connections *connections
}

// Accept returns the next connection that may stay open.
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
		c.notices.Warn(noDescriptors, nil)
		return
	}
	c.notices.Warn(notAccepted, nil)
}
