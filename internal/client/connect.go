package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2/hpack"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/grpcclient"
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
)

// connector returns a function that returns a new connection to a server. The connection is
// established when it is first used, and closed when it has been without calls for the time
// idle, unless that is 0.
func connector(t target, o Options, dial dialFunc) (func(idle time.Duration) *grpcclient.Conn, error) {
	options := grpcclient.Options{
		Dial:             dial,
		Fields:           []hpack.HeaderField{{Name: "user-agent", Value: "umadb-go"}},
		Buffers:          wire.Slabs,
		StreamWindow:     streamWindow,
		ConnWindow:       connWindow,
		HeaderBytes:      maxHeaderBytes,
		MaxMessage:       math.MaxInt32,
		ConnectTimeout:   o.ConnectTimeout,
		KeepAlive:        o.KeepAlive,
		KeepAliveTimeout: o.KeepAliveTimeout,
	}
	own, err := newCredentials(o) // an invalid file is an error without TLS too
	if err != nil {
		return nil, err
	}
	if t.secure {
		options.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		options.RefreshTLS = own.apply
		if o.APIKey != "" {
			options.Fields = append(options.Fields, hpack.HeaderField{Name: "authorization", Value: "Bearer " + o.APIKey})
		}
	}
	return func(idle time.Duration) *grpcclient.Conn {
		further := options
		further.IdleTimeout = idle
		return grpcclient.New(t.address, further)
	}, nil
}

// awaitConnected waits until the connection is established, or returns an error with the
// reason.
func awaitConnected(conn *grpcclient.Conn, t target, o Options) error {
	ctx, cancel := context.WithTimeout(context.Background(), o.ConnectTimeout)
	defer cancel()
	why := ""
	for {
		err := conn.Connect(ctx)
		if err == nil {
			return nil
		}
		if !errors.Is(err, ctx.Err()) {
			why = reason(err, t)
		}
		switch {
		case o.FailFast || errors.As(err, new(*tls.CertificateVerificationError)) || errors.As(err, new(*grpcclient.CertificateError)):
			return noConnection(t, why) // the next attempt would fail in the same way
		case ctx.Err() != nil:
			return noConnection(t, fmt.Sprintf(" within %v%s", o.ConnectTimeout, why))
		}
	}
}

func noConnection(t target, why string) error {
	return &dcb.Error{Kind: dcb.ErrTransport, Detail: "no connection to " + t.address + why}
}

// reason returns why an attempt to connect failed, to be added to a message.
func reason(err error, t target) string {
	if other := (*grpcclient.NotHTTP2Error)(nil); errors.As(err, &other) && !t.secure {
		return fmt.Sprintf(": no answer in HTTP/2, perhaps because the server uses TLS: %v", other.Cause)
	}
	return ": " + err.Error()
}

// dialFunc connects to an address.
type dialFunc = func(ctx context.Context, address string) (net.Conn, error)

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
