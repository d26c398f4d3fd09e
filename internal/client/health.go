package client

import (
	"context"
	"errors"
	"io"
	"iter"

	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"
)

// HealthStatus is what a server says of itself, numbered as on the wire.
type HealthStatus int32

// What a server can say.
const (
	HealthUnknown        HealthStatus = 0
	HealthServing        HealthStatus = 1
	HealthNotServing     HealthStatus = 2
	HealthServiceUnknown HealthStatus = 3
)

// String gives the name on the wire, like SERVING.
func (h HealthStatus) String() string {
	return health.HealthCheckResponse_ServingStatus(h).String()
}

// CheckHealth asks the server whether it is serving, once: that it cannot be
// reached is an answer too. The service is empty for the server as a whole.
func (c *Client) CheckHealth(ctx context.Context, service string) (HealthStatus, error) {
	if err := c.begin(); err != nil {
		return HealthUnknown, err
	}
	defer c.calls.Done()
	response := new(health.HealthCheckResponse)
	if failed := c.invoke(ctx, health.Health_Check_FullMethodName, &health.HealthCheckRequest{Service: service}, response); failed != nil {
		return HealthUnknown, failed.err
	}
	return HealthStatus(response.GetStatus()), nil
}

// WatchHealth returns the server's health, now and whenever it changes. It ends
// without an error when the server stops, and with dcb.ErrTransport when the server
// cannot be reached for some seconds.
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
				err = unreadable(errors.New("it is no health status"))
			}
			if !yield(HealthStatus(response.GetStatus()), err) || err != nil {
				return
			}
		}
	}
}

// HealthMessages is WatchHealth, for those who decode the messages themselves. It
// must be closed.
func (c *Client) HealthMessages(ctx context.Context, service string) *Messages {
	return &Messages{
		client: c,
		method: health.Health_Watch_FullMethodName,
		request: func() []byte {
			request, _ := proto.Marshal(&health.HealthCheckRequest{Service: service}) // which cannot fail
			return request
		},
		received: func([]byte) error { return nil },
		patience: resendWatch,
		atClose:  io.EOF,
		caller:   ctx,
	}
}
