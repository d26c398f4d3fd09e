package client

import (
	"context"
	"io"
	"iter"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/wire"
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
		method:   wire.MethodRead,
		request:  request,
		reads:    true,
		patience: resendRead,
		atClose:  dcb.ErrClosed,
		caller:   ctx,
	}
}

// Subscribe returns an iterator over the events that match the query at positions greater
// than after: first the stored events, then new ones. When the connection breaks or the
// server stops, the subscription resumes after the last event, or after the last progress if it is
// reported. If it cannot resume within a minute, it fails with dcb.ErrTransport. With
// Options.NoResume it does not resume, and ends without an error when the server stops.
func (c *Client) Subscribe(ctx context.Context, query dcb.Query, after uint64, options ...dcb.SubscribeOptions) iter.Seq2[dcb.SequencedEvent, error] {
	onProgress := record.OnProgress(options)
	return func(yield func(dcb.SequencedEvent, error) bool) {
		request := record.EncodeSubscribe(&record.SubscribeRequest{Query: query, After: after, BatchSize: c.options.BatchSize})
		messages := c.SubscribeMessages(ctx, request, !c.options.NoResume)
		defer messages.Close()
		if onProgress != nil {
			messages.AskForProgress()
		}
		if err := record.Deliver(messages.Next, unreadable, onProgress, yield); err != nil {
			yield(dcb.SequencedEvent{}, err)
		}
	}
}

// SubscribeMessages is Subscribe for an encoded umadb.v1.SubscribeRequest, for callers that
// decode the messages themselves. Whether it resumes depends on resume, and the batch size
// on the request; the options do not apply. The result must be closed.
func (c *Client) SubscribeMessages(ctx context.Context, request []byte, resume bool) *Messages {
	patience := resendRead
	if resume {
		patience = resumeSubscription
	}
	return &Messages{
		client:     c,
		method:     wire.MethodSubscribe,
		request:    request,
		subscribes: true,
		resumes:    resume,
		patience:   patience,
		atClose:    io.EOF,
		caller:     ctx,
	}
}
