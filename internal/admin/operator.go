package admin

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// Operator is Client with the errors of package dcb, and errors.ErrUnsupported for what the server
// does not have, as web pages need them.
type Operator struct{ Client *Client }

// Status is Client.Status.
func (o Operator) Status(ctx context.Context) (*adminv1.StatusResponse, error) {
	response, err := o.Client.Status(ctx)
	return response, operatorError(err)
}

// Lagging is Client.Lagging.
func (o Operator) Lagging(ctx context.Context, most uint32) (*adminv1.SessionsResponse, error) {
	response, err := o.Client.Lagging(ctx, most)
	return response, operatorError(err)
}

// Layout is Client.Layout.
func (o Operator) Layout(ctx context.Context) (*adminv1.LayoutResponse, error) {
	response, err := o.Client.Layout(ctx)
	return response, operatorError(err)
}

// Rejections is Client.Rejections.
func (o Operator) Rejections(ctx context.Context, most uint32) (*adminv1.RejectionsResponse, error) {
	response, err := o.Client.Rejections(ctx, most)
	return response, operatorError(err)
}

// TrackingSources is Client.TrackingSources.
func (o Operator) TrackingSources(ctx context.Context) iter.Seq2[dcb.TrackingInfo, error] {
	return func(yield func(dcb.TrackingInfo, error) bool) {
		for source, err := range o.Client.TrackingSources(ctx) {
			if !yield(source, operatorError(err)) {
				return
			}
		}
	}
}

// operatorError returns the error of an Operator for one of a Client.
func operatorError(err error) error {
	switch status.Code(err) {
	case codes.Unimplemented:
		return fmt.Errorf("%w: the server is of another program or version", errors.ErrUnsupported)
	case codes.PermissionDenied, codes.Unauthenticated:
		return fmt.Errorf("%w: %w", dcb.ErrAuthentication, err)
	}
	return err
}
