package web

import (
	"container/list"
	"context"
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
)

// connections are the open connections. The zero value has none.
type connections struct {
	mu sync.Mutex
	// unused are the *connection without an authenticated request in progress, that for the longest
	// time first.
	unused list.List
	open   int
}

// connection is an open connection.
type connection struct {
	net.Conn
	all      *connections
	requests atomic.Int32 // without a key in progress

	uses    int           // authenticated requests in progress; guarded by all.mu
	element *list.Element // in all.unused, or nil; guarded by all.mu
	closed  bool          // guarded by all.mu
}

// boundedListener bounds the number of open connections: for a new one it closes another one that
// is not in use. So clients without a key cannot keep others from connecting.
type boundedListener struct {
	net.Listener
	all *connections
}

// Accept implements net.Listener.
func (l *boundedListener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	conn, excess := l.all.add(accepted)
	if excess != nil {
		excess.Close() // an error does not change that it is closed
	}
	return conn, nil
}

// add adds a connection, and returns the one to close, or nil.
func (all *connections) add(accepted net.Conn) (conn, excess *connection) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if oldest := all.unused.Front(); all.open >= maxConnections && oldest != nil {
		excess = oldest.Value.(*connection)
	}
	conn = &connection{Conn: accepted, all: all}
	conn.element = all.unused.PushBack(conn)
	all.open++
	return conn, excess
}

// Close implements net.Conn.
func (c *connection) Close() error {
	c.all.mu.Lock()
	if !c.closed {
		c.closed = true
		c.all.open--
		c.remove()
	}
	c.all.mu.Unlock()
	return c.Conn.Close()
}

// remove removes the connection from those that are not in use. all.mu must be locked.
func (c *connection) remove() {
	if c.element != nil {
		c.all.unused.Remove(c.element)
		c.element = nil
	}
}

// use marks the connection as in use until end is called.
func (c *connection) use() (end func()) {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.uses++
	c.remove()
	return func() {
		c.all.mu.Lock()
		defer c.all.mu.Unlock()
		if c.uses--; c.uses == 0 && !c.closed {
			c.element = c.all.unused.PushBack(c)
		}
	}
}

// connectionKey is the key of the connection in the context of a request.
type connectionKey struct{}

// withConnection adds a connection to the context of its requests.
func withConnection(ctx context.Context, conn net.Conn) context.Context {
	if secure, is := conn.(*tls.Conn); is {
		conn = secure.NetConn()
	}
	return context.WithValue(ctx, connectionKey{}, conn)
}

// ClientAddress returns the address of the client of a request with this context, or nil if it has no
// connection. A proxy is such a client.
func ClientAddress(ctx context.Context) net.Addr {
	if conn, is := ctx.Value(connectionKey{}).(*connection); is {
		return conn.RemoteAddr()
	}
	return nil
}

// useConnection marks the connection of a request as in use until end is called.
func useConnection(ctx context.Context) (end func()) {
	if conn, is := ctx.Value(connectionKey{}).(*connection); is {
		return conn.use()
	}
	return func() {}
}
