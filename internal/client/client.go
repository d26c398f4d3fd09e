package client

import (
	"context"
	"fmt"
	"net"
	"sync"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire"
)

// Client is an event store on a server. Its methods may be called from several
// goroutines at the same time.
type Client struct {
	url     string
	servers *servers
	options Options
	refusal error // returned by every call if not nil
	dialer  dialer

	closing    context.Context // done once Close has started
	beginClose context.CancelFunc

	mu     sync.Mutex
	closed bool           // guarded by mu
	calls  sync.WaitGroup // calls that Close waits for; Add only while mu is held
}

var _ dcb.EventStore = (*Client)(nil)

// Dial connects to the server of a URL such as "http://127.0.0.1:50051", or to several servers
// with the same events, as in "http://a:50051,b:50051". The schemes http, grpc and umadb mean no
// encryption, https, grpcs and umadbs mean TLS; the default port is 50051. Of several servers,
// one must be reachable. options may be nil. Dial fails with dcb.ErrInvalidArgument if the URL, the CA file or
// the API key is invalid, and with dcb.ErrTransport if it cannot connect within
// Options.ConnectTimeout, or at once if the server's certificate is not trusted.
func Dial(url string, options *Options) (*Client, error) {
	if options == nil {
		options = new(Options)
	}
	targets, err := parseTargets(url)
	if err != nil {
		return nil, err
	}
	c := &Client{url: url, options: options.withDefaults(len(targets) > 1)}
	return c.dial(targets, c.dialer.dial)
}

// DialInProcess connects to a server in this process, over connections that dial returns. name is
// that of the server, for people. The API key may be empty; it is sent without encryption.
func DialInProcess(name string, dial func(ctx context.Context, address string) (net.Conn, error), apiKey string) (*Client, error) {
	c := &Client{url: name, options: Options{APIKey: apiKey}.withDefaults(false)}
	return c.dial([]target{{address: inProcessAddress, inProcess: true}}, dial)
}

// inProcessAddress is the address of a server in this process. It cannot be resolved.
const inProcessAddress = "in-process:0"

// dial connects to the servers.
func (c *Client) dial(targets []target, dial dialFunc) (*Client, error) {
	if err := wire.CheckAPIKey(c.options.APIKey); err != nil {
		return nil, err
	}
	if c.options.APIKey != "" && !targets[0].secure && !targets[0].inProcess {
		c.refusal = errInsecureKey
	}
	connector, err := newConnector(c.options, dial)
	if err != nil {
		return nil, err
	}
	c.options.APIKey = "" // so that it is not printed with the client
	c.servers = newServers(targets, connector, c.options.ConnectTimeout)
	if err := c.servers.connect(c.options); err != nil {
		c.servers.close()
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
	c.servers.close()
	return nil
}

// begin counts a call that Close waits for; the caller must call c.calls.Done when the
// call has ended. begin returns an error if the client is closed or refuses all calls.
func (c *Client) begin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return dcb.ErrClosed
	}
	if c.refusal != nil {
		return c.refusal
	}
	c.calls.Add(1)
	return nil
}

// String returns a description with the URL.
func (c *Client) String() string { return "UmaDB client of " + c.url }

// Format prints the result of String, for every verb.
func (c *Client) Format(s fmt.State, verb rune) {
	fmt.Fprintf(s, fmt.FormatString(s, verb), c.String())
}
