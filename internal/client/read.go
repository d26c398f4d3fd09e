package client

import (
	"context"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// Read returns the events that match the query, out of those that are stored when the
// read starts, which is when a method of the response is first called.
func (c *Client) Read(ctx context.Context, query dcb.Query, options dcb.ReadOptions) *dcb.ReadResponse {
	messages := c.ReadMessages(ctx, record.EncodeRead(&record.ReadRequest{Query: query, Options: options, BatchSize: c.options.BatchSize}))
	next := func() ([]dcb.SequencedEvent, uint64, error) {
		message, err := messages.Next()
		if err != nil {
			return nil, 0, err
		}
		events, head, err := record.DecodeResponse(message)
		if err != nil {
			return nil, 0, unreadable(err)
		}
		return events, head, nil
	}
	return dcb.NewReadResponse(next, messages.Close)
}

// ReadMessages is Read for an encoded umadb.v1.ReadRequest, for callers that decode the
// messages themselves. The batch size of the options does not apply. The result must be
// closed unless it is read to its end.
func (c *Client) ReadMessages(ctx context.Context, request []byte) *Messages {
	return &Messages{
		client:   c,
		method:   umadbv1.DCB_Read_FullMethodName,
		request:  request,
		patience: resendRead,
		atClose:  dcb.ErrClosed,
		caller:   ctx,
	}
}
