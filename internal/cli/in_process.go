package cli

import (
	"context"
	"net"
	"sync"

	"google.golang.org/grpc/test/bufconn"

	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/server"
)

// inProcess is a server in this process to which clients connect in memory.
type inProcess struct {
	name     string
	listener *memoryListener
}

// inProcessBuffer is the size in bytes of the buffers of a connection.
const inProcessBuffer = 256 << 10

// serveInProcess serves until the server is shut down.
func serveInProcess(srv *server.Server, name string) *inProcess {
	p := &inProcess{name: name, listener: &memoryListener{accepted: make(chan net.Conn), closed: make(chan struct{})}}
	go srv.ServeInProcess(p.listener) // ends when the server is shut down
	return p
}

// dial connects to the server with an API key, which may be empty, for a client with an address, which
// may be nil.
func (p *inProcess) dial(key string, from net.Addr) (*client.Client, error) {
	return client.DialInProcess(p.name, func(ctx context.Context, _ string) (net.Conn, error) { return p.listener.dial(ctx, from) }, key)
}

// memoryListener is a listener of connections in memory.
type memoryListener struct {
	accepted chan net.Conn
	closing  sync.Once
	closed   chan struct{}
}

// dial returns a connection. Its server sees the address from, unless that is nil.
func (l *memoryListener) dial(ctx context.Context, from net.Addr) (net.Conn, error) {
	// A listener of its own returns the two ends of one connection.
	pair := bufconn.Listen(inProcessBuffer)
	defer pair.Close()
	ends := make(chan net.Conn, 1)
	go func() {
		end, _ := pair.Accept() // an error shows when dialing
		ends <- end
	}()
	conn, err := pair.DialContext(ctx)
	if err != nil {
		return nil, err
	}
	select {
	case l.accepted <- remoteConn{<-ends, from}:
		return conn, nil
	case <-l.closed:
		err = net.ErrClosed
	case <-ctx.Done():
		err = ctx.Err()
	}
	conn.Close() // no client or server uses it
	return nil, err
}

// Accept implements net.Listener.
func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.accepted:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *memoryListener) Close() error {
	l.closing.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener.
func (l *memoryListener) Addr() net.Addr { return memoryAddress{} }

// memoryAddress is the address of a connection in memory.
type memoryAddress struct{}

// Network implements net.Addr.
func (memoryAddress) Network() string { return "memory" }

// String implements net.Addr.
func (memoryAddress) String() string { return "in-process" }

// remoteConn is the end of a server of a connection for a client with another address.
type remoteConn struct {
	net.Conn
	from net.Addr // nil if the client is in this process
}

// RemoteAddr implements net.Conn.
func (c remoteConn) RemoteAddr() net.Addr {
	if c.from == nil {
		return memoryAddress{}
	}
	return c.from
}
