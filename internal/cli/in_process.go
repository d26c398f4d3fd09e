package cli

import (
	"context"
	"net"

	"google.golang.org/grpc/test/bufconn"

	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/server"
)

// inProcess is a server in this process to which clients connect in memory.
type inProcess struct {
	name     string
	listener *bufconn.Listener
}

// inProcessBuffer is the size in bytes of the buffers of a connection.
const inProcessBuffer = 256 << 10

// serveInProcess serves until the server is shut down.
func serveInProcess(srv *server.Server, name string) *inProcess {
	p := &inProcess{name: name, listener: bufconn.Listen(inProcessBuffer)}
	go srv.ServeInProcess(inProcessListener{p.listener}) // ends when the server is shut down
	return p
}

// inProcessListener returns net.ErrClosed once it is closed, as other listeners do.
type inProcessListener struct{ net.Listener }

// Accept implements net.Listener.
func (l inProcessListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		err = net.ErrClosed // it has no other errors
	}
	return conn, err
}

// dial connects to the server with an API key, which may be empty.
func (p *inProcess) dial(key string) (*client.Client, error) {
	return client.DialInProcess(p.name, func(ctx context.Context, _ string) (net.Conn, error) { return p.listener.DialContext(ctx) }, key)
}
