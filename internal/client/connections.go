package client

import (
	"context"
	"net"
	"sync/atomic"
)

// dialer makes the connections of a client, and counts them.
type dialer struct{ begun atomic.Uint64 }

func (d *dialer) dial(ctx context.Context, address string) (net.Conn, error) {
	d.begun.Add(1)
	return new(net.Dialer).DialContext(ctx, "tcp", address)
}

// Connections returns how many connections have been begun. While the number stays
// the same, and the client has at most 64 reads and subscriptions at a time, which one
// connection has room for, all answers come from one run of a server. After a
// connection has broken, which calls need not notice, another store may answer.
func (c *Client) Connections() uint64 { return c.dialer.begun.Load() }
