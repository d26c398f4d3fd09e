package server_test

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/internal/server"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// patience is the timeout for everything that a test waits for.
const patience = 30 * time.Second

// running is a server on a free port.
type running struct {
	*server.Server
	address string
	served  chan error // what Serve returned
}

// start serves a store until the test ends.
func start(t *testing.T, store server.Store, options server.Options) *running {
	t.Helper()
	s, err := server.New(store, options)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &running{Server: s, address: listener.Addr().String(), served: make(chan error, 1)}
	go func() { r.served <- s.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // abort the calls that are still in progress
		_ = s.Shutdown(ctx)
	})
	return r
}

// dial connects generated code to the server.
func (r *running) dial(t *testing.T, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	options = append([]grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}, options...)
	conn, err := grpc.NewClient(r.address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// client returns the generated client over a new connection.
func (r *running) client(t *testing.T, options ...grpc.DialOption) umadbv1.DCBClient {
	t.Helper()
	return umadbv1.NewDCBClient(r.dial(t, options...))
}

// within returns a context with a timeout.
func within(t *testing.T, timeout time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	t.Cleanup(cancel)
	return ctx
}

// someEvent returns an event with the given tags.
func someEvent(tags ...string) *umadbv1.Event {
	return &umadbv1.Event{EventType: "happened", Tags: tags, Data: []byte("data")}
}

// anyEvent returns a condition that fails if there is any event.
func anyEvent() *umadbv1.AppendCondition {
	return &umadbv1.AppendCondition{FailIfEventsMatch: new(umadbv1.Query)}
}

// readOn returns a read with the deprecated field subscribe.
func readOn() *umadbv1.ReadRequest {
	//lint:ignore SA1019 there are clients that use it
	return &umadbv1.ReadRequest{Subscribe: proto.Bool(true)}
}
