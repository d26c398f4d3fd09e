package grpcgo

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// Attempt describes how far a unary call came.
type Attempt struct {
	Trailer metadata.MD // may be nil
	// Sent is false if there was no connection for the call, so that the server has
	// certainly not received it.
	Sent bool
	// Answered is set if the server has sent a status. A proxy that resets the stream can
	// cause the same status, although the server has received the request.
	Answered bool
}

// Invoke makes a unary call.
func Invoke(ctx context.Context, conn *grpc.ClientConn, method string, request, response any) (Attempt, error) {
	var trailer metadata.MD
	var server peer.Peer
	err := conn.Invoke(ctx, method, request, response, grpc.Trailer(&trailer), grpc.Peer(&server))
	// gRPC sets the peer if it created a stream. A trailer that the server sent contains at
	// least the content type.
	return Attempt{Trailer: trailer, Sent: server.Addr != nil, Answered: len(trailer) > 0}, err
}

// HasHeaders reports whether a stream, which must have ended, has received headers. A
// status alone is not counted.
func HasHeaders(stream grpc.ClientStream) bool {
	headers, _ := stream.Header()
	return headers != nil
}

// ConnectError returns the error of the last attempt to connect, or nil if that has not
// failed. gRPC returns it only from a call, which fails at once without being sent.
func ConnectError(conn *grpc.ClientConn) error {
	if conn.GetState() != connectivity.TransientFailure {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	err := conn.Invoke(ctx, health.Health_Check_FullMethodName, new(health.HealthCheckRequest), new(health.HealthCheckResponse))
	if status.Code(err) != codes.Unavailable {
		return nil
	}
	return err
}
