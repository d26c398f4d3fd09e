package client

import (
	"context"
	"net"
	"time"
)

// NewOver returns a client over connections that a test makes.
func NewOver(dial func(ctx context.Context, address string) (net.Conn, error)) (*Client, error) {
	// The servers of these tests disconnect clients that ping more often than every 5 minutes.
	c := &Client{options: Options{KeepAlive: time.Hour}.withDefaults()}
	connect, err := connector(target{address: "memory:1"}, c.options, dial)
	if err != nil {
		return nil, err
	}
	c.pool = newPool(connect, c.options.ConnectTimeout)
	c.closing, c.beginClose = context.WithCancel(context.Background())
	return c, nil
}

// The bounds of the streams of a client.
const (
	ConnStreams = connStreams
	MaxStreams  = maxConns * connStreams
	ConnIdle    = connIdle
)

// KeepAlive returns the interval that a client uses.
func KeepAlive(o Options) time.Duration { return o.withDefaults().KeepAlive }
