package server_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/internal/server"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// startLarge starts a server of a store with 4 MiB of events. The flow-control windows of
// the client are fixed, so that it receives little of a stream that it does not read.
func startLarge(t *testing.T, options server.Options) (*running, umadbv1.DCBClient) {
	t.Helper()
	r := start(t, newMemoryStore(), options)
	client := r.client(t, grpc.WithStaticStreamWindowSize(64<<10), grpc.WithStaticConnWindowSize(4<<20))
	for range 4 {
		request := &umadbv1.AppendRequest{}
		for range 16 {
			request.Events = append(request.Events, &umadbv1.Event{EventType: "Large", Data: make([]byte, 64<<10)})
		}
		if _, err := client.Append(within(t, patience), request); err != nil {
			t.Fatal(err)
		}
	}
	return r, client
}

// stall starts a read and receives only the first message.
func stall(ctx context.Context, client umadbv1.DCBClient) (grpc.ServerStreamingClient[umadbv1.ReadResponse], error) {
	stream, err := client.Read(ctx, &umadbv1.ReadRequest{BatchSize: new(uint32(4))})
	if err == nil {
		_, err = stream.Recv()
	}
	return stream, err
}

func TestShutdownDoesNotWaitForClientsThatDoNotRead(t *testing.T) {
	r, client := startLarge(t, server.Options{})
	stream, err := stall(within(t, patience), client)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Shutdown(within(t, patience)); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	for err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.Unavailable {
		t.Errorf("the aborted read ends with %v", err)
	}
}

func TestResponseMemoryIsBounded(t *testing.T) {
	_, client := startLarge(t, server.Options{ResponseMemory: 2 << 20, SendTimeout: server.BudgetWait})
	ctx, cancel := context.WithCancel(within(t, patience))
	var wg sync.WaitGroup
	var refused atomic.Int32
	for range 12 {
		wg.Go(func() {
			stream, err := stall(ctx, client)
			time.Sleep(server.BudgetWait + 200*time.Millisecond)
			for err == nil {
				_, err = stream.Recv()
			}
			if status.Code(err) == codes.ResourceExhausted {
				refused.Add(1)
			} else if !errors.Is(err, io.EOF) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if refused.Load() == 0 {
		t.Error("no read was refused")
	}
	cancel() // releases the memory
	deadline := time.Now().Add(patience)
	for {
		err := readWhole(within(t, patience), client)
		if err == nil {
			return
		}
		if status.Code(err) != codes.ResourceExhausted || time.Now().After(deadline) {
			t.Fatalf("a read after the others have ended: %v", err)
		}
	}
}

func readWhole(ctx context.Context, client umadbv1.DCBClient) error {
	stream, err := client.Read(ctx, &umadbv1.ReadRequest{})
	for err == nil {
		_, err = stream.Recv()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// Repeated reads need no more memory than one.
func TestResponseMemoryIsReleased(t *testing.T) {
	_, client := startLarge(t, server.Options{ResponseMemory: 2 << 20})
	for range 20 {
		if err := readWhole(within(t, patience), client); err != nil {
			t.Fatal(err)
		}
	}
}
