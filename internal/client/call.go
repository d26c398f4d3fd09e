package client

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/internal/wire"
)

// failure is how one attempt of a call failed.
type failure struct {
	err         error // of package dcb
	unavailable bool  // the server may answer if it is asked again
	exhausted   bool  // the server had no room for the call
	undone      bool  // the server has not done what it was asked
}

// invoke makes one attempt of a call with one answer.
func (c *Client) invoke(ctx context.Context, method string, request, response any) *failure {
	var trailer metadata.MD
	var server peer.Peer // set if there was a connection to send by
	err := c.pool.first.Invoke(ctx, method, request, response, grpc.Trailer(&trailer), grpc.Peer(&server))
	if err == nil {
		return nil
	}
	code := status.Code(err)
	// A proxy that resets the stream can cause this status too, although the server has
	// received the request. The trailer is empty then. It is not empty if the server
	// answered with nothing but a status: gRPC puts the content type into it.
	exhausted := code == codes.ResourceExhausted && len(trailer) > 0
	return &failure{
		err:         wire.FromStatus(err, trailer),
		unavailable: code == codes.Unavailable,
		exhausted:   exhausted,
		undone:      server.Addr == nil || exhausted || code == codes.Unimplemented || wire.RefusedForSize(err) || wire.RefusedForStop(err),
	}
}

// ask makes a call that may be made any number of times.
func (c *Client) ask(ctx context.Context, method string, request, response any) error {
	if err := c.begin(); err != nil {
		return err
	}
	defer c.calls.Done()
	var again resends
	for {
		failed := c.invoke(ctx, method, request, response)
		if failed == nil {
			return nil
		}
		if !failed.unavailable || !again.pause(ctx, callPatience) {
			return orContextError(ctx, failed.err)
		}
	}
}

// orContextError gives the error of a context that is done, as a call would
// have given it, and err if it is not.
func orContextError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return wire.FromStatus(ctx.Err(), nil)
	}
	return err
}
