package transport

import (
	"context"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/tap"
)

// Conn is an accepted connection. A listener that is passed to a gRPC server must return
// the Conn, or a type that embeds it.
type Conn struct {
	net.Conn
	// Owner is what OwnerOf returns for the calls of the connection.
	Owner any
	// Established is called when the handshakes of TLS and HTTP/2 have ended, also if they
	// have failed.
	Established func()
}

// SetDeadline sets the deadline of the connection. gRPC sets one for the handshakes, and
// clears it when they have ended.
func (c *Conn) SetDeadline(t time.Time) error {
	if t.IsZero() {
		c.Established()
	}
	return c.Conn.SetDeadline(t)
}

// RemoteAddr returns the address of the client. gRPC adds it to the context of each call.
func (c *Conn) RemoteAddr() net.Addr { return ownedAddr{c.Conn.RemoteAddr(), c.Owner} }

// ownedAddr is the remote address of a Conn, with its owner.
type ownedAddr struct {
	net.Addr
	owner any
}

// OwnerOf returns the owner of the connection of a call, or nil if the context is not that
// of a call or the connection is not a Conn.
func OwnerOf(ctx context.Context) any {
	if p, ok := peer.FromContext(ctx); ok {
		if address, ok := p.Addr.(ownedAddr); ok {
			return address.owner
		}
	}
	return nil
}

// AdmitCalls returns the option to call admit with the method and headers of every call, in
// the goroutine that reads the connection, before a stream is created. OwnerOf returns the
// owner for the context that is passed to admit, and this context is done when the call has
// ended. The context that admit returns is that of the handler, which may never be called.
func AdmitCalls(admit func(ctx context.Context, method string, header metadata.MD) (context.Context, error)) grpc.ServerOption {
	return grpc.InTapHandle(func(ctx context.Context, info *tap.Info) (context.Context, error) {
		return admit(ctx, info.FullMethodName, info.Header)
	})
}
