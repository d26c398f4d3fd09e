package client

import (
	"context"

	"google.golang.org/grpc"
)

// NewOver returns a client over connections that a test makes.
func NewOver(connect func(...grpc.DialOption) (*grpc.ClientConn, error)) (*Client, error) {
	c := &Client{options: Options{}.withDefaults()}
	var err error
	if c.pool, err = newPool(connect, c.options.ConnectTimeout); err != nil {
		return nil, err
	}
	c.closing, c.beginClose = context.WithCancel(context.Background())
	return c, nil
}

// The bounds of the streams of a client.
const (
	ConnStreams = connStreams
	MaxStreams  = maxConns * connStreams
	ConnIdle    = connIdle
)
