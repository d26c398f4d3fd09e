package client

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/keepalive"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/grpcgo"
	"github.com/umadb-go/umadb/internal/wire"
)

const (
	// streamWindow is the number of bytes of a stream that the client buffers before they
	// are read.
	streamWindow = 1 << 20
	connWindow   = 4 << 20
	// maxHeaderBytes is the maximum size in bytes of the headers and trailers of a call.
	// Other servers put the whole conflicting event into the status message,
	// percent-encoded; an oversized header would break the connection.
	maxHeaderBytes = 64 << 20
	// scheme leaves name resolution to Go's own dialer, which tries all addresses of a
	// host and returns a clear error for an unknown one.
	scheme = "passthrough:///"
)

// connectFunc returns a new connection to a server, with options in addition to those of
// all connections. The connection is established when it is first used.
type connectFunc func(...grpc.DialOption) (*grpc.ClientConn, error)

// connector returns a connectFunc for a server.
func connector(t target, options Options, dialer *dialer, distrust func(error)) (connectFunc, error) {
	secured, err := transportCredentials(t, options.CAFile, distrust)
	if err != nil {
		return nil, err
	}
	dialOptions := []grpc.DialOption{
		grpc.WithTransportCredentials(secured),
		grpc.WithUserAgent("umadb-go"),
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(wire.Codec{}),
			grpc.StaticMethod(),
			// Other servers bound messages only by their events, not by their bytes.
			grpc.MaxCallRecvMsgSize(math.MaxInt32),
		),
		grpc.WithStaticStreamWindowSize(streamWindow),
		grpc.WithStaticConnWindowSize(connWindow),
		grpc.WithMaxHeaderListSize(maxHeaderBytes),
		grpc.WithNoProxy(),
		grpc.WithContextDialer(dialer.dial),
		grpc.WithDisableServiceConfig(),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time:                options.KeepAlive,
			Timeout:             options.KeepAliveTimeout,
			PermitWithoutStream: true,
		}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: options.ConnectTimeout,
		}),
	}
	if options.APIKey != "" && t.secure {
		dialOptions = append(dialOptions, grpc.WithPerRPCCredentials(bearer(options.APIKey)))
	}
	return func(others ...grpc.DialOption) (*grpc.ClientConn, error) {
		conn, err := grpc.NewClient(scheme+t.address, slices.Concat(dialOptions, others)...)
		if err != nil {
			return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "cannot connect to " + t.address, Cause: err}
		}
		return conn, nil
	}, nil
}

// awaitReady waits until the connection is established, or returns an error with the
// reason. trusted is cancelled with a cause if the server's certificate is not trusted.
func awaitReady(trusted context.Context, conn *grpc.ClientConn, options Options) error {
	ctx, cancel := context.WithTimeout(trusted, options.ConnectTimeout)
	defer cancel()
	for {
		conn.Connect()
		state := conn.GetState()
		switch {
		case state == connectivity.Ready:
			return nil
		case state == connectivity.TransientFailure && options.FailFast:
			return noConnection(conn, reason(conn))
		}
		if conn.WaitForStateChange(ctx, state) {
			continue
		}
		if why := context.Cause(ctx); !errors.Is(why, context.DeadlineExceeded) {
			return noConnection(conn, ": "+why.Error())
		}
		return noConnection(conn, fmt.Sprintf(" within %v%s", options.ConnectTimeout, reason(conn)))
	}
}

func noConnection(conn *grpc.ClientConn, why string) error {
	return &dcb.Error{Kind: dcb.ErrTransport, Detail: "no connection to " + strings.TrimPrefix(conn.CanonicalTarget(), scheme) + why}
}

// reason returns why the last attempt to connect failed, or "" if that has not failed.
func reason(conn *grpc.ClientConn) string {
	var failed *dcb.Error
	if !errors.As(wire.FromStatus(grpcgo.ConnectError(conn), nil), &failed) {
		return ""
	}
	// Only before the first connection: afterwards it is known that the server has no TLS.
	if rest, found := strings.CutPrefix(failed.Detail, grpcgo.NotHTTP2); found {
		return ": " + grpcgo.NotHTTP2 + ", perhaps because the server uses TLS" + rest
	}
	return ": " + failed.Detail
}

// dialer dials the connections of a client and counts them.
type dialer struct{ started atomic.Uint64 }

func (d *dialer) dial(ctx context.Context, address string) (net.Conn, error) {
	d.started.Add(1)
	return new(net.Dialer).DialContext(ctx, "tcp", address)
}

// Connections returns how many connections the client has dialed. While the number does
// not change, and the client has at most 64 reads and subscriptions at a time, which fit
// on one connection, all responses come from the same server process. After a connection
// has broken, which calls may not notice, another store may respond.
func (c *Client) Connections() uint64 { return c.dialer.started.Load() }
