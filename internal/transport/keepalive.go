package transport

import (
	"context"
	"time"
)

var (
	keepAlivePing = [8]byte{'s', 't', 'i', 'l', 'l', 'u', 'p', '?'}
	drainPing     = [8]byte{'d', 'r', 'a', 'i', 'n', 'i', 'n', 'g'}
)

// tickInterval is how often connections are checked for pings.
const tickInterval = time.Second

// keepAlive pings silent connections until ctx is done, so that dead clients are noticed,
// and that proxies do not close idle connections.
func (s *Server) keepAlive(ctx context.Context) {
	ticker := time.NewTicker(tickInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			for _, c := range s.all() {
				c.keepAlive(now.UnixNano())
			}
		}
	}
}

// keepAlive pings the client if it is silent, or closes the connection if the client has
// not answered. now is in Unix ns.
func (c *conn) keepAlive(now int64) {
	last, o := c.lastRead.Load(), &c.server.options
	if last == 0 {
		return // the handshake has a timeout
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining == announced && now-c.drained >= int64(o.PingTimeout) {
		c.refuse()
		c.flushSoon()
	}
	switch {
	case last >= c.pinged && now-last < int64(o.PingAfter):
		c.pinged = 0
	case c.pinged == 0:
		c.pinged = now
		c.output.ping(keepAlivePing)
		c.flushSoon()
	case last < c.pinged && now-c.pinged >= int64(o.PingTimeout):
		c.accepted.Close()
	case last >= c.pinged:
		c.pinged = 0
	}
}

// pingLimit counts pings of a client that come too early.
type pingLimit struct {
	last  time.Time
	early int
}

// maxEarly is the number of early pings that are accepted.
const maxEarly = 2

// allow counts a ping at a time and reports whether it is accepted. sent reports whether
// anything was sent to the client since the last ping: clients may then ping.
func (p *pingLimit) allow(now time.Time, interval time.Duration, sent bool) bool {
	if sent {
		p.early = 0
		p.last = time.Time{}
	}
	if now.Sub(p.last) < interval {
		p.early++
	}
	p.last = now
	return p.early <= maxEarly
}
