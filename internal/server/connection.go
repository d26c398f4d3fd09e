package server

import (
	"container/list"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/internal/transport"
)

// promptWrite is the maximum duration of a write to a connection whose client reads.
const promptWrite = 10 * time.Millisecond

// connection is an accepted connection, with the memory that the server uses for its
// client.
//
// The transport keeps a stream until it has written the status. That may be long after
// the handler has returned, if the client does not read its connection or its
// flow-control window is too small for the preceding message. A call is counted until
// then.
type connection struct {
	transport.Conn
	connections *connections
	closeOnce   sync.Once

	element *list.Element // of connections.unauthenticated; guarded by connections.mu; nil once a call was authenticated

	authenticated atomic.Bool  // a call had the API key or did not need it
	watches       atomic.Int64 // number of health watches
	writing       atomic.Int64 // start of the write in progress in Unix ns; 0 for none
	refused       atomic.Int64 // number of calls refused since the last prompt write

	used [callClasses]atomic.Int64 // bytes of its calls, by class
	// Bytes of ended calls that the transport may still keep, by class.
	unwritten [callClasses]account // their message has not been written
	held      [callClasses]account // they ended while a write was in progress
	shares    shares

	mu       sync.Mutex
	inFlight map[*inFlight]bool // guarded by mu; messages that the client has not read
	arriving map[*call]bool     // guarded by mu; admitted calls whose request has not been received; nil once closed
}

func newConnection(accepted net.Conn, connections *connections) *connection {
	c := &connection{connections: connections, inFlight: make(map[*inFlight]bool), arriving: make(map[*call]bool)}
	c.Conn = transport.Conn{Conn: accepted, Owner: c, Established: func() { connections.established(c) }}
	return c
}

// connectionOf returns the connection of a call.
func connectionOf(ctx context.Context) *connection {
	c, _ := transport.OwnerOf(ctx).(*connection)
	return c
}

// Write writes to the client. A write that does not block shows that the transport has
// written the data of all calls that ended before.
func (c *connection) Write(data []byte) (int, error) {
	start := time.Now()
	c.writing.Store(start.UnixNano())
	n, err := c.Conn.Write(data)
	c.writing.Store(0)
	if time.Since(start) < promptWrite {
		c.refused.Store(0)
		for class := range c.held {
			c.release(callClass(class), c.held[class].empty())
		}
	}
	return n, err
}

// blockedFor reports whether a write has been in progress for at least least, because the
// client does not read.
func (c *connection) blockedFor(least time.Duration) bool {
	start := c.writing.Load()
	return start != 0 && time.Since(time.Unix(0, start)) >= least
}

// ended releases a call that the transport has dropped. If a write is in progress, the
// status of the call may not be written yet; then the call is released later.
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

// admit records that a call is admitted, and reports whether the connection is open.
func (c *connection) admit(admitted *call) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.arriving == nil {
		return false
	}
	c.arriving[admitted] = true
	return true
}

// start records that the handler of a call starts, and reports whether the call is still
// in progress.
func (c *connection) start(admitted *call) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	admitted.started = c.arriving[admitted]
	return admitted.started
}

// awaits records that a call starts to receive its request.
func (c *connection) awaits(receiving *call, body transport.Body) {
	c.mu.Lock()
	defer c.mu.Unlock()
	receiving.body, receiving.awaited = body, time.Now()
}

// isReceiving reports whether a call has not received its request.
func (c *connection) isReceiving(receiving *call) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.arriving[receiving]
}

// arrived records that a call no longer receives its request. If abort or abortReceiving
// has ended the call, arrived returns its status as an error.
func (c *connection) arrived(receiving *call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.arriving, receiving)
	return receiving.aborted.Err()
}

// abort ends a call with the given status, unless it has received its request.
func (c *connection) abort(receiving *call, st *status.Status) {
	c.mu.Lock()
	receives := c.arriving[receiving]
	if receives {
		delete(c.arriving, receiving)
		receiving.aborted = st
	}
	c.mu.Unlock()
	if receives {
		receiving.body.End(st)
	}
}

// abortReceiving ends the calls that started to receive their request before the given
// time, with the given status.
func (c *connection) abortReceiving(before time.Time, st *status.Status) {
	var bodies []transport.Body
	c.mu.Lock()
	for receiving := range c.arriving {
		if !receiving.awaited.IsZero() && receiving.awaited.Before(before) {
			delete(c.arriving, receiving)
			receiving.aborted = st
			bodies = append(bodies, receiving.body)
		}
	}
	c.mu.Unlock()
	for _, body := range bodies {
		body.End(st)
	}
}

// dropEnded releases the calls that ended before their handler could start: gRPC itself
// refuses some, for example those with an unknown compression. If closed is set, the
// connection is closed and all calls have ended.
func (c *connection) dropEnded(closed bool) {
	var ended []*call
	c.mu.Lock()
	for admitted := range c.arriving {
		if !admitted.started && (closed || admitted.ctx.Err() != nil) {
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

// Close closes the connection. The transport then drops all its streams.
func (c *connection) Close() error {
	err := c.Conn.Close()
	c.closeOnce.Do(func() {
		c.connections.closed(c)
		c.dropEnded(true)
		c.drop(func(*inFlight) bool { return true })
		for class := range c.held {
			c.release(callClass(class), c.held[class].close())
			c.release(callClass(class), c.unwritten[class].close())
		}
	})
	return err
}

// stale returns the size in bytes of the messages that were sent before the given time
// and that the client has not read.
func (c *connection) stale(before time.Time) (bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for p := range c.inFlight {
		if p.sent.Before(before) {
			bytes += p.reservation.bytes
		}
	}
	return bytes
}

// account counts bytes that are released later: when their owner ends, or when the
// connection is closed. A closed account counts nothing.
type account struct{ bytes atomic.Int64 } // closedAccount after close

const closedAccount = -1

// add adds bytes if the account is open, and reports whether it is.
func (a *account) add(bytes int64) bool {
	for {
		old := a.bytes.Load()
		if old == closedAccount {
			return false
		}
		if a.bytes.CompareAndSwap(old, old+bytes) {
			return true
		}
	}
}

// empty sets the account to 0 and returns how many bytes were in it.
func (a *account) empty() int64 {
	for {
		old := a.bytes.Load()
		if old <= 0 {
			return 0
		}
		if a.bytes.CompareAndSwap(old, 0) {
			return old
		}
	}
}

// close closes the account and returns how many bytes were in it.
func (a *account) close() int64 { return max(a.bytes.Swap(closedAccount), 0) }
