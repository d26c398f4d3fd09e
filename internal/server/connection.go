package server

import (
	"container/list"
	"crypto/x509"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// connection is an accepted connection, with the memory that the server uses for its
// client.
type connection struct {
	net.Conn
	connections *connections
	closeOnce   sync.Once
	id          uint64
	started     time.Time

	element *list.Element // of connections.unauthenticated; guarded by connections.mu; nil while its last key is valid

	peer          atomic.Pointer[x509.Certificate] // of the client, verified; nil if there is none
	key           atomic.Pointer[key]              // of the last call that had one; nil if no key is required
	userAgent     atomic.Pointer[string]           // of the first authenticated call; nil until there is one
	authenticated atomic.Bool                      // a call had an API key that is still valid, or did not need it
	watches       atomic.Int64                     // number of health watches
	writing       atomic.Int64                     // start of the write in progress in Unix ns; 0 for none

	used   [callClasses]atomic.Int64 // bytes of its calls, by class
	shares shares

	mu       sync.Mutex
	inFlight map[*inFlight]bool // guarded by mu; messages that are being sent
}

func newConnection(accepted net.Conn, connections *connections) *connection {
	return &connection{
		Conn:        accepted,
		connections: connections,
		id:          connections.accepted.Add(1),
		started:     time.Now(),
		inFlight:    make(map[*inFlight]bool),
	}
}

// Write writes to the client.
func (c *connection) Write(data []byte) (int, error) {
	c.writing.Store(time.Now().UnixNano())
	defer c.writing.Store(0)
	n, err := c.Conn.Write(data)
	c.connections.sent.Add(uint64(n))
	return n, err
}

// Read reads from the client.
func (c *connection) Read(data []byte) (int, error) {
	n, err := c.Conn.Read(data)
	c.connections.received.Add(uint64(n))
	return n, err
}

// CloseWrite closes the connection for writing.
func (c *connection) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}

// blockedFor reports whether a write has been in progress for at least least, because the
// client does not read.
func (c *connection) blockedFor(least time.Duration) bool {
	start := c.writing.Load()
	return start != 0 && time.Since(time.Unix(0, start)) >= least
}

// callsUsed returns the bytes of the calls of the connection.
func (c *connection) callsUsed() (bytes int64) {
	for class := range c.used {
		bytes += c.used[class].Load()
	}
	return bytes
}

// track counts a message that is being sent.
func (c *connection) track(p *inFlight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inFlight[p] = true
}

// untrack is called when the message was sent.
func (c *connection) untrack(p *inFlight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.inFlight, p)
}

// stale returns the size in bytes of the messages that are being sent since before the
// given time, because the client does not read.
func (c *connection) stale(before time.Time) (bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for p := range c.inFlight {
		if p.started.Before(before) {
			bytes += p.bytes
		}
	}
	return bytes
}

// Close closes the connection. The transport then ends its calls.
func (c *connection) Close() error {
	c.closeOnce.Do(func() { c.connections.closed(c) })
	return c.Conn.Close()
}
