package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"sync"
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
// idle, unless that is 0. It sends and raises positions unless they are nil.
type connector func(t target, positions *grpcclient.Positions) func(idle time.Duration) *grpcclient.Conn

// newConnector reads the files of the options.
func newConnector(o Options, dial dialFunc) (connector, error) {
	options := grpcclient.Options{
		Dial:             dial,
		Fields:           []hpack.HeaderField{{Name: "user-agent", Value: "umadb-go"}},
		MethodFields:     map[string][]hpack.HeaderField{wire.MethodRead: withRecordedAt, wire.MethodSubscribe: withRecordedAt},
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
	return func(t target, positions *grpcclient.Positions) func(time.Duration) *grpcclient.Conn {
		options := options
		options.Positions = positions
		if t.secure {
			options.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
			options.RefreshTLS = own.apply
		}
		if o.APIKey != "" && (t.secure || t.inProcess) {
			options.Fields = append(options.Fields, hpack.HeaderField{Name: "authorization", Value: "Bearer " + o.APIKey})
		}
		return func(idle time.Duration) *grpcclient.Conn {
			further := options
			further.IdleTimeout = idle
			return grpcclient.New(t.address, further)
		}
	}, nil
}

// connectGrace is how long a client that is connected to a server waits for the others, so that
// its first append is sent to the first server of the URL if that works.
const connectGrace = 200 * time.Millisecond

// dialResult is the result of an attempt to connect to a server.
type dialResult struct {
	server *server
	err    error
	last   bool // there is no further one
}

// connect waits until a server is connected, or returns an error with the reason. Further servers
// may connect later.
func (s *servers) connect(o Options) error {
	ctx, cancel := context.WithTimeout(context.Background(), o.ConnectTimeout)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	results := make(chan dialResult, 2*len(s.all)) // the first and the last of each server
	for _, one := range s.all {
		running.Go(func() { one.connect(ctx, o, results) })
	}
	var (
		answered, failed tried
		failures         = make([]error, len(s.all))
		grace            <-chan time.Time // not nil if a server is connected
	)
	for {
		select {
		case <-grace:
			return nil
		case a := <-results:
			answered.add(a.server)
			switch {
			case a.err == nil && grace == nil:
				grace = time.After(connectGrace)
			case a.last && a.err != nil:
				failed.add(a.server)
				failures[a.server.index] = a.err
			}
		}
		switch {
		case grace != nil && answered.count() == len(s.all):
			return nil
		case failed.count() == len(s.all) && s.several():
			return allFailed(failures)
		case failed.count() == len(s.all):
			return failures[0]
		}
	}
}

// connect attempts to connect to the server until it succeeds or must not be tried again. It sends
// the results of the first attempt and of the last one.
func (s *server) connect(ctx context.Context, o Options, results chan<- dialResult) {
	why := ""
	for first := true; ; first = false {
		err := s.first.Connect(ctx)
		a := dialResult{server: s, last: true}
		if err != nil && !errors.Is(err, ctx.Err()) {
			why = reason(err, s.target)
		}
		switch {
		case err == nil:
		case o.FailFast || errors.As(err, new(*tls.CertificateVerificationError)) || errors.As(err, new(*grpcclient.CertificateError)):
			if why == "" {
				why = fmt.Sprintf(" within %v", o.ConnectTimeout)
			}
			a.err = noConnection(s.target, why) // the next attempt would fail in the same way
		case ctx.Err() != nil:
			a.err = noConnection(s.target, fmt.Sprintf(" within %v%s", o.ConnectTimeout, why))
		default:
			a.err, a.last = noConnection(s.target, why), false
		}
		if first || a.last {
			results <- a
		}
		if a.last {
			return
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
// has broken, which calls may not notice, another store may respond. Of a client with several
// servers, it says nothing about which of them has responded.
func (c *Client) Connections() uint64 { return c.dialer.started.Load() }
