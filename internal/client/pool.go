package client

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
)

const (
	// connStreams is the most streams that one connection has. Servers and proxies
	// allow at least 100 calls on a connection. gRPC lets further calls wait without a
	// limit and without an error. The rest is for calls with one answer.
	connStreams = 64
	// maxConns bounds the connections, and with them the streams: 4,096.
	maxConns = 64
	// connIdle is how long a connection without streams stays open, unless it is the
	// first.
	connIdle = time.Minute
)

// pool is the connections of a client to its server. Calls with one answer use the
// first connection. Streams, which have no end in time, use the first that has room
// for one. When none has room, a further connection is made.
type pool struct {
	first    *grpc.ClientConn
	connect  connectFunc
	patience time.Duration // bounds how long a stream waits to begin
	room     *semaphore.Weighted

	mu     sync.Mutex
	conns  []*pooled // guarded by mu
	closed bool      // guarded by mu
}

// pooled is a connection of a pool.
type pooled struct {
	*grpc.ClientConn
	streams int // guarded by the pool's mu
}

// newPool returns a pool with one connection. Streams wait for patience to begin.
func newPool(connect connectFunc, patience time.Duration) (*pool, error) {
	first, err := connect()
	if err != nil {
		return nil, err
	}
	return &pool{
		first:    first,
		connect:  connect,
		patience: patience,
		room:     semaphore.NewWeighted(maxConns * connStreams),
		conns:    []*pooled{{ClientConn: first}},
	}, nil
}

// open opens a stream. release must be called once, when the stream has ended.
func (p *pool) open(ctx context.Context, method string) (stream grpc.ClientStream, release func(), err error) {
	conn, err := p.acquire(ctx)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	release = func() { cancel(); p.release(conn) }
	timeout := time.AfterFunc(p.patience, cancel)
	stream, err = conn.NewStream(ctx, streamDesc, method)
	switch {
	case timeout.Stop():
	case conn.GetState() == connectivity.Ready:
		err = p.tooMany("the server lets no further call begin")
	default:
		err = status.Errorf(codes.Unavailable, "no connection within %v", p.patience)
	}
	if err != nil {
		release()
		return nil, nil, err
	}
	return stream, release, nil
}

// acquire returns a connection that has room for a stream, and counts the stream.
func (p *pool) acquire(ctx context.Context) (*pooled, error) {
	if !p.room.TryAcquire(1) {
		waiting, cancel := context.WithTimeout(ctx, p.patience)
		defer cancel()
		if p.room.Acquire(waiting, 1) != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, p.tooMany("that is as many as it can have")
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	conn, err := p.withRoomLocked()
	if err != nil {
		p.room.Release(1)
		return nil, err
	}
	conn.streams++
	return conn, nil
}

// withRoomLocked returns the first connection that has room for a stream, or a further
// one. The caller must hold mu, and must have acquired room.
func (p *pool) withRoomLocked() (*pooled, error) {
	if p.closed {
		return nil, dcb.ErrClosed
	}
	for _, conn := range p.conns {
		if conn.streams < connStreams {
			return conn, nil
		}
	}
	further, err := p.connect(grpc.WithIdleTimeout(connIdle))
	if err != nil {
		return nil, err
	}
	conn := &pooled{ClientConn: further}
	p.conns = append(p.conns, conn)
	return conn, nil
}

func (p *pool) release(conn *pooled) {
	p.mu.Lock()
	conn.streams--
	p.mu.Unlock()
	p.room.Release(1)
}

// tooMany returns the error for a stream that has waited too long to begin.
func (p *pool) tooMany(why string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	streams := 0
	for _, conn := range p.conns {
		streams += conn.streams
	}
	return &dcb.Error{Kind: dcb.ErrTransport, Detail: fmt.Sprintf(
		"not begun within %v: %d reads and subscriptions of this client are under way, and %s; close some, or use a further client",
		p.patience, streams, why)}
}

// close closes all connections.
func (p *pool) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	var first error
	for _, conn := range p.conns {
		if err := conn.Close(); first == nil {
			first = err
		}
	}
	return first
}
