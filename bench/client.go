package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
)

const (
	methodAppend = "/umadb.v1.DCB/Append"
	methodRead   = "/umadb.v1.DCB/Read"
	methodHead   = "/umadb.v1.DCB/Head"
)

var readStream = grpc.StreamDesc{StreamName: "Read", ServerStreams: true}

// client is one connection to a server.
type client struct{ conn *grpc.ClientConn }

// dial opens connections and waits until all of them are established.
func dial(ctx context.Context, address string, connections int) ([]client, error) {
	var clients []client
	for range connections {
		conn, err := grpc.NewClient("passthrough:///"+address, dialOptions()...)
		if err != nil {
			closeAll(clients)
			return nil, err
		}
		conn.Connect()
		clients = append(clients, client{conn})
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for _, c := range clients {
		for state := c.conn.GetState(); state != connectivity.Ready; state = c.conn.GetState() {
			if !c.conn.WaitForStateChange(ctx, state) {
				closeAll(clients)
				return nil, fmt.Errorf("cannot open %d connections: %w", connections, ctx.Err())
			}
		}
	}
	return clients, nil
}

func closeAll(clients []client) {
	for _, c := range clients {
		c.conn.Close()
	}
}

func dialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithNoProxy(),
		grpc.WithDisableRetry(), // failures must not be hidden
		grpc.WithDisableServiceConfig(),
		// Fixed windows, the same for every server, without the pings that adapt them.
		grpc.WithStaticStreamWindowSize(1 << 20),
		grpc.WithStaticConnWindowSize(1 << 20),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 10 * time.Millisecond, Multiplier: 1.5, MaxDelay: time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(codec{}),
			grpc.MaxCallRecvMsgSize(64<<20),
		),
	}
}

// append sends an append and returns the position of its last event.
func (c client) append(ctx context.Context, request *frame) (uint64, error) {
	var r reply
	err := c.conn.Invoke(ctx, methodAppend, request, &r)
	return r.number, err
}

// head returns the position of the store's last event, 0 if there is none.
func (c client) head(ctx context.Context) (uint64, error) {
	var r reply
	err := c.conn.Invoke(ctx, methodHead, new(frame), &r)
	return r.number, err
}

// read returns the number of events. It calls count with the number in each message.
func (c client) read(ctx context.Context, request *frame, count func(events int64)) (int64, error) {
	stream, err := c.conn.NewStream(ctx, &readStream, methodRead)
	if err != nil {
		return 0, err
	}
	if err := stream.SendMsg(request); err != nil && err != io.EOF {
		return 0, err // for io.EOF, RecvMsg returns the reason
	}
	if err := stream.CloseSend(); err != nil {
		return 0, err
	}
	var r reply
	for {
		before := r.events
		err := stream.RecvMsg(&r)
		if err == io.EOF {
			return r.events, nil
		}
		if err != nil {
			return r.events, err
		}
		count(r.events - before)
	}
}
