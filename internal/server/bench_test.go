package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/umadb-go/umadb/internal/server"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// benchServer serves an empty store in memory until the benchmark ends, and returns its
// address.
func benchServer(b *testing.B) string {
	b.Helper()
	s, err := server.New(newMemoryStore(), server.Options{})
	if err != nil {
		b.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	b.Cleanup(func() {
		if err := errors.Join(s.Shutdown(context.Background()), <-served); err != nil {
			b.Error(err)
		}
	})
	return listener.Addr().String()
}

// benchCalls are the calls that BenchmarkCall measures.
var benchCalls = []struct {
	name string
	call func(context.Context, umadbv1.DCBClient) error
}{
	{"Head", func(ctx context.Context, client umadbv1.DCBClient) error {
		_, err := client.Head(ctx, new(umadbv1.HeadRequest))
		return err
	}},
	{"Append", func(ctx context.Context, client umadbv1.DCBClient) error {
		_, err := client.Append(ctx, &umadbv1.AppendRequest{Events: []*umadbv1.Event{someEvent("a", "b")}})
		return err
	}},
	{"Read", func(ctx context.Context, client umadbv1.DCBClient) error {
		stream, err := client.Read(ctx, new(umadbv1.ReadRequest))
		for err == nil {
			_, err = stream.Recv()
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	}},
}

// BenchmarkCall measures what a call takes besides the store: the client, the connection
// and the server, all in this process.
func BenchmarkCall(b *testing.B) {
	for _, c := range benchCalls {
		for _, connections := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/connections=%d", c.name, connections), func(b *testing.B) {
				address := benchServer(b)
				clients := make([]umadbv1.DCBClient, connections)
				for i := range clients {
					conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
					if err != nil {
						b.Fatal(err)
					}
					defer conn.Close()
					clients[i] = umadbv1.NewDCBClient(conn)
				}
				var next atomic.Int64
				b.SetParallelism(connections)
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					client := clients[next.Add(1)%int64(connections)]
					for pb.Next() {
						if err := c.call(b.Context(), client); err != nil {
							b.Error(err)
							return
						}
					}
				})
			})
		}
	}
}
