package client

import (
	"context"
	"errors"
	"io"
	"iter"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
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
	names := [...]string{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"}
	if h < 0 || int(h) >= len(names) {
		return strconv.Itoa(int(h))
	}
	return names[h]
}

// The health service of gRPC.
const (
	methodHealthCheck = "/grpc.health.v1.Health/Check"
	methodHealthWatch = "/grpc.health.v1.Health/Watch"

	healthService protowire.Number = 1 // in a request
	healthStatus  protowire.Number = 1 // in a response
)

func encodeHealthRequest(service string) []byte {
	if service == "" {
		return nil
	}
	return protowire.AppendString(protowire.AppendTag(nil, healthService, protowire.BytesType), service)
}

// decodeHealth decodes a response.
func decodeHealth(response []byte) (HealthStatus, error) {
	var h HealthStatus
	for len(response) > 0 {
		number, kind, n := protowire.ConsumeTag(response)
		if n < 0 {
			return HealthUnknown, unreadable(protowire.ParseError(n))
		}
		response = response[n:]
		if number == healthStatus && kind == protowire.VarintType {
			value, _ := protowire.ConsumeVarint(response)
			h = HealthStatus(value)
		}
		if n = protowire.ConsumeFieldValue(number, kind, response); n < 0 {
			return HealthUnknown, unreadable(protowire.ParseError(n))
		}
		response = response[n:]
	}
	return h, nil
}

// CheckHealth returns the server's health status. It does not retry if the server cannot
// be reached. An empty service means the server as a whole. For a service that the server does
// not know, status.Code of the error is codes.NotFound. If the client has several servers,
// the result is that of the first one that serves, or of the last one.
func (c *Client) CheckHealth(ctx context.Context, service string) (HealthStatus, error) {
	var (
		asked    tried
		last     HealthStatus
		answered bool
		failed   error
	)
	for last != HealthServing && asked.count() < len(c.servers.all) {
		s := c.servers.pick(false, asked)
		asked.add(s)
		response, err := c.invokeOnce(ctx, s, methodHealthCheck, encodeHealthRequest(service))
		if err != nil {
			failed = err
			continue
		}
		if last, err = decodeHealth(response); err != nil {
			return HealthUnknown, err
		}
		answered = true
	}
	if answered {
		failed = nil
	}
	return last, failed
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
			var h HealthStatus
			if err == nil {
				h, err = decodeHealth(message)
			}
			if !yield(h, err) || err != nil {
				return
			}
		}
	}
}

// HealthMessages is WatchHealth for callers that decode the messages themselves. The
// result must be closed.
func (c *Client) HealthMessages(ctx context.Context, service string) *Messages {
	return &Messages{
		client:   c,
		method:   methodHealthWatch,
		request:  encodeHealthRequest(service),
		patience: resendWatch,
		atClose:  io.EOF,
		caller:   ctx,
	}
}
