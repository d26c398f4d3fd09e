package backup

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// stallPatience is how long a connection to an object store may be open without transferring a
// byte in either direction during a request.
const stallPatience = time.Minute

// errStalled is the cause of the error of a request that timed out.
var errStalled = errors.New("the request timed out")

// newStallTransport returns a transport whose requests fail when their connection stalls: a
// server that is suspended, or a firewall that has forgotten the connection, would
// otherwise block a copy or a restore forever.
func newStallTransport(base *http.Transport, patience time.Duration) http.RoundTripper {
	dial := base.DialContext
	base.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &stallConn{conn, patience}, nil
	}
	base.ResponseHeaderTimeout = 0 // the connection bounds it, and an upload may be long
	return stallTransport{base}
}

// stallConn is a connection whose reads and writes fail if neither progresses.
type stallConn struct {
	net.Conn
	patience time.Duration
}

// Read implements net.Conn.
func (c *stallConn) Read(b []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.patience)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

// Write implements net.Conn. It also extends the time of a read that waits for the answer.
func (c *stallConn) Write(b []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.patience)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// stallTransport ends the retries of a request that has timed out: the client would repeat it
// ten times without a message.
type stallTransport struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t stallTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.RoundTripper.RoundTrip(r)
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		if end, ok := r.Context().Value(retriesKey{}).(context.CancelFunc); ok {
			end()
		}
	}
	return response, err
}

// retriesKey is the key of the function that ends the retries of a request.
type retriesKey struct{}

// withRetries returns the context of a request. The function must be called at its end.
func withRetries(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	return context.WithValue(ctx, retriesKey{}, cancel), cancel
}

// requestBody is the body of an answer. Closing it ends the request.
type requestBody struct {
	io.ReadCloser
	end context.CancelFunc
}

// Close implements io.Closer.
func (b requestBody) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}
