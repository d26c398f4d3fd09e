package server

import (
	"container/list"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// promptWrite is the longest that a write to a connection takes if its client reads.
const promptWrite = 10 * time.Millisecond

// connection is an accepted connection, with what the server holds for its client.
//
// The transport keeps a stream until it has written the status, which may be long
// after the handler has returned: while the client does not read its connection,
// or leaves no window for the message before. So a call is counted until then.
type connection struct {
	net.Conn
	connections *connections
	close       sync.Once

	element *list.Element // of connections.unauthenticated; guarded by connections.mu; nil once a call was authenticated

	authenticated atomic.Bool  // a call came with the API key, or needed none
	watches       atomic.Int64 // of the health
	writing       atomic.Int64 // when the write in progress began, in Unix ns; 0 for none
	refused       atomic.Int64 // calls refused since the last prompt write

	used [callClasses]atomic.Int64 // bytes of its calls, by class
	// What ended calls take that the transport may still keep, by class.
	unwritten [callClasses]account // their message has not been written
	held      [callClasses]account // they ended while a write was in progress
	shares    shares

	mu       sync.Mutex
	parcels  map[*parcel]bool // guarded by mu; messages that the client has not taken
	arriving map[*call]bool   // guarded by mu; admitted calls whose request has not been received; nil once closed
}

func newConnection(accepted net.Conn, connections *connections) *connection {
	return &connection{Conn: accepted, connections: connections, parcels: make(map[*parcel]bool), arriving: make(map[*call]bool)}
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

// blockedFor reports whether the write in progress, if any, has lasted for at least some
// time: the client does not read.
func (c *connection) blockedFor(least time.Duration) bool {
	began := c.writing.Load()
	return began != 0 && time.Since(time.Unix(0, began)) >= least
}

// ended releases a call that the transport has dropped. If a write is in progress, the
// status of the call may not be written yet, and the call is released later.
func (c *connection) ended(class callClass, bytes int64) {
	if c.writing.Load() == 0 || !c.held[class].add(bytes) {
		c.release(class, bytes)
	}
}

func (c *connection) release(class callClass, bytes int64) {
	if bytes != 0 {
		c.used[class].Add(-bytes)
		c.connections.calls.used[class].Add(-bytes)
	}
}

// callsUsed returns the bytes of the calls of the connection.
func (c *connection) callsUsed() (bytes int64) {
	for class := range c.used {
		bytes += c.used[class].Load()
	}
	return bytes
}

// admit notes that a call is admitted. It reports whether the connection is open.
func (c *connection) admit(admitted *call) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.arriving == nil {
		return false
	}
	c.arriving[admitted] = true
	return true
}

// begin notes that the handler of a call begins. It reports whether the call is still
// wanted.
func (c *connection) begin(admitted *call) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	admitted.begun = c.arriving[admitted]
	return admitted.begun
}

// awaits notes that a call begins to receive its request.
func (c *connection) awaits(receiving *call, body transport) {
	c.mu.Lock()
	defer c.mu.Unlock()
	receiving.body, receiving.awaited = body, time.Now()
}

// arrived notes that a call no longer receives its request. If endLate has ended the call
// before, arrived returns why.
func (c *connection) arrived(receiving *call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.arriving, receiving)
	return receiving.late.Err()
}

// endLate ends the calls, with a status, that have been receiving their request since
// before some time.
func (c *connection) endLate(before time.Time, because *status.Status) {
	var late []transport
	c.mu.Lock()
	for receiving := range c.arriving {
		if receiving.body != nil && receiving.awaited.Before(before) {
			delete(c.arriving, receiving)
			receiving.late = because
			late = append(late, receiving.body)
		}
	}
	c.mu.Unlock()
	for _, body := range late {
		_ = body.WriteStatus(because) // fails if the connection is closed
	}
}

// dropEnded releases the calls that ended before their handler could begin: gRPC itself
// refuses some, for example those with an unknown compression. If the connection is
// closed, all have ended.
func (c *connection) dropEnded(closed bool) {
	var ended []*call
	c.mu.Lock()
	for admitted := range c.arriving {
		if !admitted.begun && (closed || admitted.ctx.Err() != nil) {
			delete(c.arriving, admitted)
			ended = append(ended, admitted)
		}
	}
	if closed {
		c.arriving = nil
	}
	c.mu.Unlock()
	for _, admitted := range ended {
		c.ended(admitted.class, admitted.bytes)
	}
}

// Close closes the connection. The transport drops all its streams then.
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
