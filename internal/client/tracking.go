package client

import (
	"context"

	"github.com/umadb-go/umadb/internal/wire/encoding"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// GetTrackingInfo returns the last recorded upstream position of a source, and
// whether there is one.
func (c *Client) GetTrackingInfo(ctx context.Context, source string) (uint64, bool, error) {
	if err := encoding.CheckSource(source); err != nil {
		return 0, false, err
	}
	response := new(umadbv1.TrackingResponse)
	err := c.ask(ctx, umadbv1.DCB_GetTrackingInfo_FullMethodName, &umadbv1.TrackingRequest{Source: source}, response)
	return response.GetPosition(), response.Position != nil, err
}
