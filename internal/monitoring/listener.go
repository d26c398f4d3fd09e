package monitoring

import (
	"container/list"
	"net"
	"sync"
)

// limitedListener bounds the open connections. If there are too many, it closes the oldest
// one: clients that keep connections open, whether they send requests or not, do not keep
// others out. Without an answer to a probe the process may be restarted.
type limitedListener struct {
	net.Listener
	most int

	mu   sync.Mutex
	open list.List // guarded by mu; of *limitedConn, oldest first
}

// Accept returns the next connection.
func (l *limitedListener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	conn := &limitedConn{Conn: accepted, listener: l}
	if excess := l.add(conn); excess != nil {
		excess.Close()
	}
	return conn, nil
}

// add adds a connection. It returns the oldest one if there are too many, and otherwise nil.
func (l *limitedListener) add(conn *limitedConn) (excess *limitedConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	conn.element = l.open.PushBack(conn)
	if l.open.Len() <= l.most {
		return nil
	}
	return l.open.Front().Value.(*limitedConn)
}

// limitedConn is a connection of a limitedListener.
type limitedConn struct {
	net.Conn
	listener *limitedListener
	element  *list.Element // guarded by listener.mu
}

// Close closes the connection. It may be called more than once.
func (c *limitedConn) Close() error {
	c.listener.mu.Lock()
	c.listener.open.Remove(c.element) // does nothing if it was removed before
	c.listener.mu.Unlock()
	return c.Conn.Close()
}
