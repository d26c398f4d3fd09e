package client

import (
	"context"
	"sync"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire"
)

// Client is an event store on a server. Its methods may be called from many
// goroutines.
type Client struct {
	url     string
	pool    *pool
	options Options
	refuse  error // answers every call if not nil
	dialer  dialer

	closing    context.Context // done from the beginning of Close
	beginClose context.CancelFunc

	mu     sync.Mutex
	closed bool           // guarded by mu
	calls  sync.WaitGroup // those that Close waits for; Add under mu
}

var _ dcb.EventStore = (*Client)(nil)

// Dial connects to a server by a URL like "http://127.0.0.1:50051": http and
// grpc without encryption, https and grpcs with; port 50051 if there is none.
// options may be nil. It fails with dcb.ErrInvalidArgument if the URL, the CA file or
// the API key is of no use, and with dcb.ErrTransport if there is no connection
// within Options.ConnectTimeout, or at once if the server's certificate cannot be trusted.
func Dial(url string, options *Options) (*Client, error) {
	if options == nil {
		options = new(Options)
	}
	c := &Client{url: url, options: options.withDefaults()}
	t, err := parseTarget(url)
	if err != nil {
		return nil, err
	}
	if err := wire.CheckAPIKey(c.options.APIKey); err != nil {
		return nil, err
	}
	if c.options.APIKey != "" && !t.secure {
		c.refuse = errInsecureKey
	}
	trusted, distrust := context.WithCancelCause(context.Background())
	defer distrust(nil)
	connect, err := connector(t, c.options, &c.dialer, distrust)
	if err != nil {
		return nil, err
	}
	c.options.APIKey = "" // so that it is not printed with the client
	if c.pool, err = newPool(connect, c.options.ConnectTimeout); err != nil {
		return nil, err
	}
	if err := awaitReady(trusted, c.pool.first, c.options); err != nil {
		c.pool.close()
		return nil, err
	}
	c.closing, c.beginClose = context.WithCancel(context.Background())
	return c, nil
}

// Close ends subscriptions and reads, waits for all other calls, and closes the
// connections. Every later call fails with dcb.ErrClosed.
func (c *Client) Close() error {
	c.mu.Lock()
	first := !c.closed
	c.closed = true
	c.mu.Unlock()
	c.beginClose()
	c.calls.Wait()
	if !first {
		return nil
	}
	return c.pool.close()
}

// begin counts a call that Close waits for; the call's end must be told to
// c.calls. It fails if there can be no calls.
func (c *Client) begin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return dcb.ErrClosed
	}
	if c.refuse != nil {
		return c.refuse
	}
	c.calls.Add(1)
	return nil
}
