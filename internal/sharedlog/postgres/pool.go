package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/umadb-go/umadb/internal/retry"
	"github.com/umadb-go/umadb/internal/sharedlog"
)

const (
	// maxConnections bounds how many requests wait for an engine that does not answer.
	maxConnections = 8
	// suspectAfter is after how long a request is suspected to wait for a server that is no longer the
	// primary, and reconnectInterval is the pause between two attempts to find another one.
	suspectAfter      = time.Second
	reconnectInterval = 250 * time.Millisecond
	// abandonedAfter is how long a request whose context ends must have waited to cast doubt on other
	// connections. A caller that waits for less may only be impatient with a slow server.
	abandonedAfter = 2 * suspectAfter
	// maxIdle is how long a connection that is not used stays open.
	maxIdle = time.Minute
)

// pool keeps connections to the primary. It recovers soon when that does not answer, or another
// server takes over:
//
//   - A request that ends frees its place at once, although the server may not have noticed, and
//     an attempt to connect ends with the request that needs it.
//   - When a connection has failed, those that are idle are not used either: each of them would
//     only fail another request. When a request has waited for long until its caller gave it up,
//     this concerns only those that have not answered since it began.
//   - When a connection to another primary was opened, the requests to the old one fail.
type pool struct {
	hosts   []*pgx.ConnConfig // one for each host of the URL
	prepare prepareFunc
	slots   chan struct{} // holds a value for each request in progress
	finding sync.Mutex    // held while a request tries to find another primary

	mu     sync.Mutex
	closed bool             // guarded by mu
	open   map[*pooled]bool // guarded by mu
	idle   []*pooled        // guarded by mu; the last one was used last
}

// pooled is a connection of a pool.
type pooled struct {
	*pgx.Conn
	server  string    // its identity: a host may lead to several servers, and an address to another one
	since   time.Time // when its use began or ended; guarded by the mu of the pool
	expired bool      // it must not be used again; guarded by the mu of the pool
	listens bool      // it only waits for notifications; guarded by the mu of the pool
}

// prepareFunc prepares a connection and returns the identity of its server.
type prepareFunc func(context.Context, *pgx.Conn) (server string, err error)

// newPool returns a pool. It calls prepare with each connection before that is used.
func newPool(config *pgx.ConnConfig, prepare prepareFunc) *pool {
	return &pool{hosts: hostsOf(config), prepare: prepare, slots: make(chan struct{}, maxConnections), open: map[*pooled]bool{}}
}

// acquire returns a connection until release.
func (p *pool) acquire(ctx context.Context) (*pooled, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	c := p.reuse()
	if c != nil {
		return c, nil
	}
	c, err := p.connect(ctx)
	if err != nil {
		<-p.slots
	}
	return c, err
}

// reuse returns the connection that was used last, or nil if none is idle.
func (p *pool) reuse() *pooled {
	p.mu.Lock()
	defer p.mu.Unlock()
	for last := len(p.idle) - 1; last >= 0; last-- {
		c := p.idle[last]
		p.idle = p.idle[:last]
		if !c.expired {
			c.since = time.Now()
			return c
		}
		p.drop(c)
	}
	return nil
}

// release ends the use of a connection by a request with a context.
func (p *pool) release(ctx context.Context, c *pooled) {
	defer func() { <-p.slots }()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish(ctx, c)
}

// finish makes a connection idle, or closes it. The caller must hold mu.
func (p *pool) finish(ctx context.Context, c *pooled) {
	began := c.since
	c.since, c.listens = time.Now(), false
	if c.IsClosed() || c.PgConn().IsBusy() || c.PgConn().TxStatus() != 'I' { // its request has failed
		p.drop(c)
		switch {
		case c.expired:
		case ctx.Err() == nil:
			p.expire(c.since)
		case c.since.Sub(began) >= abandonedAfter:
			p.expire(began)
		}
		return
	}
	if c.expired || p.closed || len(p.idle) == maxConnections {
		p.drop(c)
		return
	}
	for len(p.idle) > 0 && c.since.Sub(p.idle[0].since) > maxIdle {
		p.drop(p.idle[0])
		p.idle = p.idle[1:]
	}
	p.idle = append(p.idle, c)
}

// expire makes the connections expire whose use began or ended before a time, since another one
// has failed. The requests in progress are not interrupted: they may be slow. The caller must
// hold mu.
func (p *pool) expire(before time.Time) {
	for c := range p.open {
		if c.since.After(before) {
			continue
		}
		c.expired = true
		if c.listens {
			c.interrupt()
		}
	}
}

// drop closes a connection that is not in use. The caller must hold mu.
func (p *pool) drop(c *pooled) {
	delete(p.open, c)
	closeSoon(c.Conn)
}

// closeSoon closes a connection. It does not wait until the server has received that.
func closeSoon(conn *pgx.Conn) {
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		conn.Close(ctx)
	}()
}

// interrupt makes a request in progress fail. With TLS, closing may have to wait.
func (c *pooled) interrupt() { go c.PgConn().Conn().Close() }

// opened adds a new connection to a primary. Requests to another server fail: it is no longer the
// primary, whether it knows that or not.
func (p *pool) opened(c *pooled) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[c] = true
	c.since = time.Now()
	if p.closed {
		p.drop(c)
		return sharedlog.ErrClosed
	}
	for other := range p.open {
		if other.server != c.server {
			other.expired = true
			other.interrupt()
		}
	}
	return nil
}

// listen marks a connection in use as one that only waits for notifications.
func (p *pool) listen(c *pooled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.listens = true
	if c.expired {
		c.interrupt()
	}
}

// findPrimary connects to the primary, although there are connections, again and again until ctx is done:
// the primary may be replaced after an attempt. If it is another server, the requests to the old
// one fail.
func (p *pool) findPrimary(ctx context.Context) {
	p.finding.Lock()
	defer p.finding.Unlock()
	for ctx.Err() == nil {
		pause := reconnectInterval
		if c, err := p.connect(ctx); err == nil {
			p.mu.Lock()
			p.finish(ctx, c)
			p.mu.Unlock()
			pause = suspectAfter
		}
		_ = retry.Wait(ctx, pause)
	}
}

// findPrimaryAfter makes the pool find another primary after some time, unless stop is called before.
func (p *pool) findPrimaryAfter(ctx context.Context, pause time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(pause, func() { p.findPrimary(ctx) })
	return func() {
		timer.Stop()
		cancel()
	}
}

// close closes the connections that are idle, and waits for the requests in progress, which the
// caller has ended.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	for _, c := range idle {
		c.Close(ctx)
	}
	for range maxConnections {
		p.slots <- struct{}{}
	}
}
