package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/admin"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/web"
	adminv1 "github.com/umadb-go/umadb/proto/umadb/admin/v1"
)

// newBackend returns the backend of web pages that use a client, which close closes.
func newBackend(name string, c *client.Client, close func() error) *web.Backend {
	return &web.Backend{Name: name, Events: c, Terms: c, Operator: operator{admin.NewClient(c)}, Close: close}
}

// operator is admin.Client with the errors of web.Operator.
type operator struct{ client *admin.Client }

// Status implements web.Operator.
func (o operator) Status(ctx context.Context) (*adminv1.StatusResponse, error) {
	response, err := o.client.Status(ctx)
	return response, operatorError(err)
}

// Sessions implements web.Operator.
func (o operator) Sessions(ctx context.Context) (*adminv1.SessionsResponse, error) {
	response, err := o.client.Sessions(ctx)
	return response, operatorError(err)
}

// TrackingSources implements web.Operator.
func (o operator) TrackingSources(ctx context.Context) iter.Seq2[dcb.TrackingInfo, error] {
	return func(yield func(dcb.TrackingInfo, error) bool) {
		for source, err := range o.client.TrackingSources(ctx) {
			if !yield(source, operatorError(err)) {
				return
			}
		}
	}
}

// operatorError returns the error of a web.Operator for one of admin.Client.
func operatorError(err error) error {
	switch status.Code(err) {
	case codes.Unimplemented:
		return fmt.Errorf("%w: the server is of another program or version", errors.ErrUnsupported)
	case codes.PermissionDenied, codes.Unauthenticated:
		return fmt.Errorf("%w: %w", dcb.ErrAuthentication, err)
	}
	return err
}
