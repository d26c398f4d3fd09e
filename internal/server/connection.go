package server

import (
	"container/list"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/peer"
)

// promptWrite is how long a write to a connection takes at most when its client
// keeps up.
const promptWrite = 10 * time.Millisecond

// connection is an accepted connection, with what its client has the server hold.
//
// The transport keeps a stream until it has written the status, which may be long
// after the handler has returned: while the client does not read its connection,
// or leaves no window for the message before. So a call is counted until then.
type connection struct {
	net.Conn
	connections *connections
	close       sync.Once

	stranger *list.Element // guarded by connections.mu; nil once a call was authenticated

	authenticated atomic.Bool  // a call came with the API key, or needed none
	used          atomic.Int64 // bytes of its calls
	watches       atomic.Int64 // of the health
	writing       atomic.Int64 // when the write in progress began, in Unix ns; 0 for none
	refused       atomic.Int64 // calls refused since the last prompt write

	// What ended calls take that the transport may still keep, by class.
	unwritten [callClasses]account // their message has not been written
	held      [callClasses]account // they ended while a write was in progress
	shares    shares

	mu      sync.Mutex
	parcels map[*parcel]bool // guarded by mu; messages that the client has not taken
	coming  map[*call]bool   // guarded by mu; admitted calls whose handler has not begun; nil once closed
}

func newConnection(accepted net.Conn, connections *connections) *connection {
	return &connection{Conn: accepted, connections: connections, parcels: make(map[*parcel]bool), coming: make(map[*call]bool)}
}

// connectionAddr is the remote address of a connection, by which the connection
// is found in the context of a call.
type connectionAddr struct {
	net.Addr
	connection *connection
}

// RemoteAddr returns the address of the client.
func (c *connection) RemoteAddr() net.Addr { return connectionAddr{c.Conn.RemoteAddr(), c} }

// connectionOf returns the connection that a call came by.
func connectionOf(ctx context.Context) *connection {
	if p, ok := peer.FromContext(ctx); ok {
		if address, ok := p.Addr.(connectionAddr); ok {
			return address.connection
		}
	}
	return nil
}

// SetDeadline is called by gRPC without a deadline when the handshake is over.
func (c *connection) SetDeadline(t time.Time) error {
	if t.IsZero() {
		c.connections.established(c)
	}
	return c.Conn.SetDeadline(t)
}

// Write writes to the client. A write that does not have to wait shows that the
// transport has written what it had for calls that ended before.
func (c *connection) Write(data []byte) (int, error) {
	began := time.Now()
	c.writing.Store(began.UnixNano())
	n, err := c.Conn.Write(data)
	c.writing.Store(0)
	if time.Since(began) < promptWrite {
		c.refused.Store(0)
		for class := range c.held {
			c.release(callClass(class), c.held[class].empty())
		}
	}
	return n, err
}

// blockedSince reports whether the client has not read for at least some time.
func (c *connection) blockedFor(least time.Duration) bool {
	began := c.writing.Load()
	return began != 0 && time.Since(time.Unix(0, began)) >= least
}

// ended releases a call that the transport keeps no longer, unless its status
// cannot be written now.
func (c *connection) ended(class callClass, bytes int64) {
	if c.writing.Load() == 0 || !c.held[class].add(bytes) {
		c.release(class, bytes)
	}
}

func (c *connection) release(class callClass, bytes int64) {
	if bytes != 0 {
		c.used.Add(-bytes)
		c.connections.calls.used[class].Add(-bytes)
	}
}

// expect notes a call that is admitted. It reports whether the connection is open.
func (c *connection) expect(admitted *call) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.coming == nil {
		return false
	}
	c.coming[admitted] = true
	return true
}

// begun notes that the handler of a call begins. It reports whether the call was
// expected still.
func (c *connection) begun(admitted *call) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	expected := c.coming[admitted]
	delete(c.coming, admitted)
	return expected
}

// dropEnded releases the calls that ended before their handler could begin: gRPC
// refuses some by itself, as those that are compressed in a way that it does not know.
// If the connection is closed, all have ended.
func (c *connection) dropEnded(closed bool) {
	var ended []*call
	c.mu.Lock()
	for admitted := range c.coming {
		if closed || admitted.ctx.Err() != nil {
			delete(c.coming, admitted)
			ended = append(ended, admitted)
		}
	}
	if closed {
		c.coming = nil
	}
	c.mu.Unlock()
	for _, admitted := range ended {
		c.ended(admitted.class, admitted.bytes)
	}
}

// Close closes the connection, with which the transport drops all its streams.
func (c *connection) Close() error {
	err := c.Conn.Close()
	c.close.Do(func() {
		c.connections.closed(c)
		c.dropEnded(true)
		c.drop(func(*parcel) bool { return true })
		for class := range c.held {
			c.release(callClass(class), c.held[class].close())
			c.release(callClass(class), c.unwritten[class].close())
		}
	})
	return err
}

// stale returns the bytes of the messages that were sent before some time and
// that the client has not taken.
func (c *connection) stale(before time.Time) (bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for p := range c.parcels {
		if p.sent.Before(before) {
			bytes += p.reservation.bytes
		}
	}
	return bytes
}
