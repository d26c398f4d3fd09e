package client

import (
	"context"
	"errors"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/wire"
)

// Types implements dcb.TermIndex. The response fails with dcb.ErrTransport if the server does not
// have the method, as servers of other programs.
func (c *Client) Types(ctx context.Context, options dcb.TermsOptions) *dcb.TermsResponse {
	return c.terms(ctx, &record.TermsRequest{Kind: record.TypeTerm, Options: options})
}

// Tags is Types for tags.
func (c *Client) Tags(ctx context.Context, options dcb.TermsOptions) *dcb.TermsResponse {
	return c.terms(ctx, &record.TermsRequest{Kind: record.TagTerm, Options: options})
}

func (c *Client) terms(ctx context.Context, r *record.TermsRequest) *dcb.TermsResponse {
	messages := c.TermsMessages(ctx, record.EncodeTerms(r))
	return record.NewTermsResponse(messages.Next, unreadable, messages.Close)
}

// CountTerms implements dcb.TermIndex. It fails as the responses of Types do.
func (c *Client) CountTerms(ctx context.Context, query dcb.Query) (*dcb.TermCounts, error) {
	messages := c.TermsMessages(ctx, record.EncodeTerms(&record.TermsRequest{Query: &query}))
	defer messages.Close()
	return record.CollectTermCounts(messages.Next, unreadable)
}

// TermsMessages returns the messages of the answer to an encoded umadb.v1.TermsRequest. The
// result must be closed unless it is read to its end.
func (c *Client) TermsMessages(ctx context.Context, request []byte) *Messages {
	return &Messages{
		client:   c,
		method:   wire.MethodTerms,
		request:  request,
		patience: resendRead,
		atClose:  dcb.ErrClosed,
		missing:  errNoTerms,
		caller:   ctx,
	}
}

var errNoTerms = &dcb.Error{
	Kind:   dcb.ErrTransport,
	Detail: "the server cannot list or count types and tags: it does not have the method umadb.v1.DCB/Terms, which servers of this program have since version 0.8",
	Cause:  errors.ErrUnsupported,
}
