package client

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc/codes"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/grpcclient"
)

const (
	// connStreams is the maximum number of streams on one connection. Servers and proxies
	// allow at least 100 calls on a connection, and gRPC makes further calls wait without
	// a limit and without an error. The rest is for unary calls.
	connStreams = 64
	// maxConns is the maximum number of connections, so that there are at most 4,096
	// streams.
	maxConns = 64
	// connIdle is how long a connection without streams stays open, except the first one.
	connIdle = time.Minute
)

// pool contains the connections of a client to its server. Unary calls use the first
// connection. A stream, which may last indefinitely, uses the first connection with fewer
// than connStreams streams; if there is none, a new connection is made.
type pool struct {
	first    *grpcclient.Conn
	connect  func(idle time.Duration) *grpcclient.Conn
	patience time.Duration // maximum time to open a stream
	slots    *semaphore.Weighted

	mu     sync.Mutex
	conns  []*pooled // guarded by mu
	closed bool      // guarded by mu
}

// pooled is a connection of a pool.
type pooled struct {
	*grpcclient.Conn
	streams int // guarded by the pool's mu
}

// newPool returns a pool with one connection. Opening a stream may take up to patience.
func newPool(connect func(idle time.Duration) *grpcclient.Conn, patience time.Duration) *pool {
	first := connect(0)
	return &pool{
		first:    first,
		connect:  connect,
		patience: patience,
		slots:    semaphore.NewWeighted(maxConns * connStreams),
		conns:    []*pooled{{Conn: first}},
	}
}

// open opens a stream. release must be called once, after the stream was closed.
func (p *pool) open(ctx context.Context, request *grpcclient.Request) (stream *grpcclient.Stream, release func(), err error) {
	conn, err := p.acquire(ctx)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	release = func() { cancel(); p.release(conn) }
	timeout := time.AfterFunc(p.patience, cancel)
	stream, err = conn.OpenRequest(ctx, request)
	switch {
	case timeout.Stop():
	case conn.IsConnected():
		err = p.tooMany("the server accepts no more calls")
	default:
		err = &grpcclient.Error{Code: codes.Unavailable, Message: fmt.Sprintf("no connection within %v", p.patience)}
	}
	if err != nil {
		if stream != nil {
			stream.Close()
		}
		release()
		return nil, nil, err
	}
	return stream, release, nil
}

// acquire returns a connection for a stream, and counts the stream.
func (p *pool) acquire(ctx context.Context) (*pooled, error) {
	if !p.slots.TryAcquire(1) {
		waiting, cancel := context.WithTimeout(ctx, p.patience)
		defer cancel()
		if p.slots.Acquire(waiting, 1) != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, p.tooMany("that is the maximum")
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	conn, err := p.connWithSlotLocked()
	if err != nil {
		p.slots.Release(1)
		return nil, err
	}
	conn.streams++
	return conn, nil
}

// connWithSlotLocked returns the first connection with fewer than connStreams streams, or
// a new one. The caller must hold mu, and must have acquired a slot.
func (p *pool) connWithSlotLocked() (*pooled, error) {
	if p.closed {
		return nil, dcb.ErrClosed
	}
	for _, conn := range p.conns {
		if conn.streams < connStreams {
			return conn, nil
		}
	}
	conn := &pooled{Conn: p.connect(connIdle)}
	p.conns = append(p.conns, conn)
	return conn, nil
}

func (p *pool) release(conn *pooled) {
	p.mu.Lock()
	conn.streams--
	p.mu.Unlock()
	p.slots.Release(1)
}

// tooMany returns the error for a stream that could not be opened in time.
func (p *pool) tooMany(why string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	streams := 0
	for _, conn := range p.conns {
		streams += conn.streams
	}
	return &dcb.Error{Kind: dcb.ErrTransport, Detail: fmt.Sprintf(
		"not started within %v: %d reads and subscriptions of this client are in progress, and %s; close some, or use another client",
		p.patience, streams, why)}
}

// close closes all connections.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, conn := range p.conns {
		conn.Close()
	}
}
