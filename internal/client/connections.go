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
// the same, and the client has no more reads and subscriptions at a time than one
// connection takes, 64, all answers come from one run of a server. After a connection
// that broke, which calls survive in silence, another store may answer.
func (c *Client) Connections() uint64 { return c.dialer.begun.Load() }
