package client

import (
	"context"

	"google.golang.org/grpc"
)

// NewOver returns a client over a connection that a test has made.
func NewOver(conn *grpc.ClientConn) *Client {
	c := &Client{conn: conn, options: Options{}.withDefaults()}
	c.closing, c.beginClose = context.WithCancel(context.Background())
	return c
}
