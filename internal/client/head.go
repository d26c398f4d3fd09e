package client

import (
	"context"

	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// Head returns the position of the last event, 0 if there is none.
func (c *Client) Head(ctx context.Context) (uint64, error) {
	response := new(umadbv1.HeadResponse)
	err := c.ask(ctx, umadbv1.DCB_Head_FullMethodName, new(umadbv1.HeadRequest), response)
	return response.GetPosition(), err
}
