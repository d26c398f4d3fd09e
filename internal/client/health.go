package client

import (
	"context"
	"errors"
	"io"
	"iter"

	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"
)

// HealthStatus is the health status of a server, numbered as on the wire.
type HealthStatus int32

// The health statuses of gRPC.
const (
	HealthUnknown        HealthStatus = 0
	HealthServing        HealthStatus = 1
	HealthNotServing     HealthStatus = 2
	HealthServiceUnknown HealthStatus = 3
)

// String returns the name in the protocol, such as SERVING.
func (h HealthStatus) String() string {
	return health.HealthCheckResponse_ServingStatus(h).String()
}

// CheckHealth returns the server's health status. It does not retry if the server cannot
// be reached. An empty service means the server as a whole.
func (c *Client) CheckHealth(ctx context.Context, service string) (HealthStatus, error) {
	if err := c.begin(); err != nil {
		return HealthUnknown, err
	}
	defer c.calls.Done()
	request, _ := proto.Marshal(&health.HealthCheckRequest{Service: service}) // which cannot fail
	answer, failed := c.invoke(ctx, health.Health_Check_FullMethodName, request, nil)
	if failed != nil {
		return HealthUnknown, failed.err
	}
	response := new(health.HealthCheckResponse)
	err := decode(answer, response)
	return HealthStatus(response.GetStatus()), err
}

// WatchHealth returns an iterator over the server's health status, now and whenever it
// changes. It ends without an error when the server stops, and with dcb.ErrTransport when
// the server cannot be reached for some seconds.
func (c *Client) WatchHealth(ctx context.Context, service string) iter.Seq2[HealthStatus, error] {
	return func(yield func(HealthStatus, error) bool) {
		m := c.HealthMessages(ctx, service)
		defer m.Close()
		for {
			message, err := m.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			response := new(health.HealthCheckResponse)
			if err == nil && proto.Unmarshal(message, response) != nil {
				err = unreadable(errors.New("it is not a health status"))
			}
			if !yield(HealthStatus(response.GetStatus()), err) || err != nil {
				return
			}
		}
	}
}

// HealthMessages is WatchHealth for callers that decode the messages themselves. The
// result must be closed.
func (c *Client) HealthMessages(ctx context.Context, service string) *Messages {
	request, _ := proto.Marshal(&health.HealthCheckRequest{Service: service}) // which cannot fail
	return &Messages{
		client:   c,
		method:   health.Health_Watch_FullMethodName,
		request:  request,
		patience: resendWatch,
		atClose:  io.EOF,
		caller:   ctx,
	}
}
