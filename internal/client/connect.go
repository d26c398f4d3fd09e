package client

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire"
)

const (
	// streamWindow is how much of a read lies here before it is asked for.
	streamWindow = 1 << 20
	connWindow   = 4 << 20
	// maxHeaderBytes bounds what comes with a status. Other servers put the whole
	// event that conflicts into the message, at several bytes for each of its,
	// and one header too long would break the connection.
	maxHeaderBytes = 64 << 20
	// scheme leaves finding the address of a host to Go's own dialer, which tries
	// all of them and says what is wrong with the name.
	scheme = "passthrough:///"
)

// connectFunc sets up a connection to a server, with some options besides those that
// all connections have. The connection is made when it is first used.
type connectFunc func(...grpc.DialOption) (*grpc.ClientConn, error)

// connector returns a connectFunc for a server.
func connector(t target, options Options, dialer *dialer, distrust func(error)) (connectFunc, error) {
	transport, err := transportCredentials(t, options.CAFile, distrust)
	if err != nil {
		return nil, err
	}
	dialOptions := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithUserAgent("umadb-go"),
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(wire.Codec{}),
			grpc.StaticMethod(),
			// Other servers cut messages by events only, not by bytes.
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
			return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "there can be no connection to " + t.address, Cause: err}
		}
		return conn, nil
	}, nil
}

// awaitReady connects, and says why if it cannot. trusted is cancelled, with the cause,
// when the server cannot be trusted.
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

// reason says why the last attempt to connect has failed; it is empty if none has.
// gRPC tells only a call, which fails at once without leaving this process.
func reason(conn *grpc.ClientConn) string {
	if conn.GetState() != connectivity.TransientFailure {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	err := conn.Invoke(ctx, health.Health_Check_FullMethodName, new(health.HealthCheckRequest), new(health.HealthCheckResponse))
	var failed *dcb.Error
	if status.Code(err) != codes.Unavailable || !errors.As(wire.FromStatus(err, nil), &failed) {
		return ""
	}
	// Only said here: after a connection has been made, it is known that the server has
	// no TLS.
	if rest, found := strings.CutPrefix(failed.Detail, wire.NotHTTP2); found {
		return ": " + wire.NotHTTP2 + ", perhaps as there is TLS" + rest
	}
	return ": " + failed.Detail
}
