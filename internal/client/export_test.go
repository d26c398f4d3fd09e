package client

import (
	"context"
	"net"
	"time"
)

// NewOver returns a client over connections that a test makes.
func NewOver(dial func(ctx context.Context, address string) (net.Conn, error), addresses ...string) (*Client, error) {
	// The servers of these tests disconnect clients that ping more often than every 5 minutes.
	c := &Client{options: Options{KeepAlive: time.Hour}.withDefaults(len(addresses) > 1)}
	connector, err := newConnector(c.options, dial)
	if err != nil {
		return nil, err
	}
	targets := []target{{address: "memory:1"}}
	if len(addresses) > 0 {
		targets = nil
	}
	for _, address := range addresses {
		targets = append(targets, target{address: address})
	}
	c.servers = newServers(targets, connector, c.options.ConnectTimeout)
	if len(addresses) > 0 {
		if err = c.servers.connect(c.options); err != nil {
			c.servers.close()
		}
	}
	c.closing, c.beginClose = context.WithCancel(context.Background())
	return c, err
}

// The bounds of a client.
const (
	ConnStreams = connStreams
	MaxStreams  = maxConns * connStreams
	ConnIdle    = connIdle

	FirstAvoidance = firstAvoidance
	CallPatience   = callPatience
	FirstPause     = firstPause
	ResumePatience = resumePatience
)

// ConnectGrace is how long a client waits for further servers.
const ConnectGrace = connectGrace

// Seen returns the highest position that a client of several servers has seen.
func (c *Client) Seen() uint64 { return c.servers.positions.Highest() }

// KeepAlive returns the interval that a client of one server or of several ones uses.
func KeepAlive(o Options, several bool) time.Duration { return o.withDefaults(several).KeepAlive }
