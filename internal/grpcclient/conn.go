package grpcclient

import (
	"context"
	"crypto/tls"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2/hpack"
)

// Options configures a Conn. All fields without a default must be set.
type Options struct {
	// Dial connects to an address, which is a host and a port.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// TLS is the configuration of TLS, or nil for none.
	TLS *tls.Config
	// RefreshTLS changes the copy of TLS that a new connection uses. It may be nil.
	RefreshTLS func(*tls.Config)
	// Fields are header fields that are sent with every call. Names are in lower case.
	Fields []hpack.HeaderField
	// MethodFields are header fields that are sent with every call of a method.
	MethodFields map[string][]hpack.HeaderField
	// Positions is sent with every call, and raised by the answers. It is nil for a client that
	// does not do that.
	Positions *Positions
	// Buffers is where messages are assembled.
	Buffers Buffers

	StreamWindow uint32 // how many bytes of a stream the server may send before they are read
	ConnWindow   uint32 // how many bytes the server may send before they are received
	HeaderBytes  uint32 // maximum size of the header fields of a response, as HTTP/2 counts it
	MaxMessage   int    // maximum size in bytes of a message of a response; at most math.MaxInt32

	ConnectTimeout   time.Duration // for one attempt
	KeepAlive        time.Duration // how long the server may be silent before it is pinged
	KeepAliveTimeout time.Duration // how long the reply may take
	IdleTimeout      time.Duration // after which a connection without calls is closed; 0 for never
}

// Buffers is a pool of buffers. A buffer may be larger than it was asked for.
type Buffers interface {
	Get(length int) *[]byte
	Put(*[]byte)
}

// Conn makes calls to one server. It connects when it is first used, and again after the
// connection has broken. Its methods may be called by several goroutines at the same time.
type Conn struct {
	address string
	options Options
	ctx     context.Context // done when Close was called
	close   context.CancelFunc
	running sync.WaitGroup // goroutines; Add only while mu is held or one is running

	ready     atomic.Pointer[session] // for new calls, or nil
	keepAlive atomic.Int64            // in ns; longer than the option if the server has demanded that
	calls     sync.Pool               // of *call that are not in use

	mu         sync.Mutex
	sessions   map[*session]bool // guarded by mu; those that are not closed
	connecting bool              // guarded by mu; a goroutine tries to connect
	wanted     time.Time         // guarded by mu; when a session was last needed and there was none
	failure    error             // guarded by mu; why the last attempt failed, or nil if there was none since the last session
	attempts   uint64            // guarded by mu; attempts that have ended
	changed    chan struct{}     // guarded by mu; closed when an attempt has ended
}

// New returns a Conn for the server at an address, a host and a port.
func New(address string, options Options) *Conn {
	c := &Conn{
		address:  address,
		options:  options,
		sessions: make(map[*session]bool),
		changed:  make(chan struct{}),
	}
	c.keepAlive.Store(int64(options.KeepAlive))
	c.ctx, c.close = context.WithCancel(context.Background())
	return c
}

// Connect waits until the server is connected. It returns the error of the first attempt
// that fails meanwhile.
func (c *Conn) Connect(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.attempts
	for {
		switch {
		case c.ctx.Err() != nil:
			return errClosed
		case c.ready.Load() != nil:
			return nil
		case c.attempts != before:
			return c.failure
		}
		if err := c.await(ctx); err != nil {
			return err
		}
	}
}

// Prepare starts to connect, if the server is not connected, and does not wait for it.
func (c *Conn) Prepare() {
	if c.IsConnected() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ready.Load() == nil && c.ctx.Err() == nil {
		c.prepare()
	}
}

// IsConnected reports whether the server is connected and accepts calls.
func (c *Conn) IsConnected() bool { return c.ready.Load() != nil }

// session returns the session for a new call. It waits for an attempt to connect, but not
// for another one after that has failed.
func (c *Conn) session(ctx context.Context) (*session, error) {
	if s := c.ready.Load(); s != nil {
		return s, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		if s := c.ready.Load(); s != nil {
			return s, nil
		}
		switch {
		case c.ctx.Err() != nil:
			return nil, errClosed
		case c.failure != nil:
			c.wanted = time.Now()
			return nil, unavailable(c.failure)
		}
		if err := c.await(ctx); err != nil {
			return nil, contextError(err, true)
		}
	}
}

// await waits until an attempt to connect has ended. The caller must hold mu.
func (c *Conn) await(ctx context.Context) error {
	c.prepare()
	changed := c.changed
	c.mu.Unlock()
	defer c.mu.Lock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// prepare starts to connect, unless a goroutine tries to. The caller must hold mu.
func (c *Conn) prepare() {
	c.wanted = time.Now()
	if !c.connecting {
		c.connecting = true
		c.running.Go(c.connect)
	}
}

// remove removes a session that was closed.
func (c *Conn) remove(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.sessions, s)
}

// Close ends all calls, closes the connections and waits for all goroutines. It may be called
// again.
func (c *Conn) Close() {
	c.mu.Lock()
	c.close()
	sessions := slices.Collect(maps.Keys(c.sessions))
	c.mu.Unlock()
	for _, s := range sessions {
		s.close(errClosing)
	}
	c.running.Wait()
}
