package client

import (
	"context"
	"errors"
	"io"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/wire"
)

// CountEvents implements dcb.TermIndex. If the server does not have the method, the error matches
// errors.ErrUnsupported.
func (c *Client) CountEvents(ctx context.Context, query dcb.Query, bounds []uint64) ([]uint64, error) {
	messages := &Messages{
		client:   c,
		method:   wire.MethodCount,
		request:  record.EncodeCount(&record.CountRequest{Query: query, Bounds: bounds}),
		patience: resendRead,
		atClose:  dcb.ErrClosed,
		missing:  errNoCount,
		caller:   ctx,
	}
	defer messages.Close()
	response, err := messages.Next()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = unreadable(errNoAnswer)
		}
		return nil, err
	}
	counts, err := record.DecodeCounts(response, len(bounds))
	if err != nil {
		return nil, unreadable(err)
	}
	if _, err := messages.Next(); !errors.Is(err, io.EOF) { // the status of the call
		return nil, err
	}
	return counts, nil
}

var errNoAnswer = errors.New("the call ended without an answer")

var errNoCount = &dcb.Error{
	Kind:   dcb.ErrTransport,
	Detail: "the server cannot count the events of a query: it does not have the method umadb.v1.DCB/Count, which servers of this program have since version 0.8",
	Cause:  errors.ErrUnsupported,
}
