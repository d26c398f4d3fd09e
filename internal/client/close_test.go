package client_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// newEndlessServer returns a server that sends two events of each subscription and read,
// and then waits for its end.
func newEndlessServer(ended chan<- struct{}) *scripted {
	return &scripted{
		onRead: func(_ *umadbv1.ReadRequest, stream grpc.ServerStreamingServer[umadbv1.ReadResponse]) error {
			err := stream.Send(&umadbv1.ReadResponse{Events: sequenced(1, 2)})
			<-stream.Context().Done()
			ended <- struct{}{}
			return err
		},
		onSubscribe: func(_ *umadbv1.SubscribeRequest, stream grpc.ServerStreamingServer[umadbv1.SubscribeResponse]) error {
			err := stream.Send(&umadbv1.SubscribeResponse{Events: sequenced(1, 2)})
			<-stream.Context().Done()
			ended <- struct{}{}
			return err
		},
	}
}

func TestCallsFailAfterClose(t *testing.T) {
	s := new(scripted)
	c := s.connect(t)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	errs := callEveryMethod(t, c)
	delete(errs, "subscribe") // ends without an error
	for name, err := range errs {
		if !errors.Is(err, dcb.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := c.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
}

func TestCloseEndsReadsAndSubscriptions(t *testing.T) {
	ended := make(chan struct{}, 2)
	c := newEndlessServer(ended).connect(t)
	response := c.Read(within(t, patience), dcb.Query{}, dcb.ReadOptions{})
	if batch, err := response.NextBatch(); err != nil || len(batch) != 2 {
		t.Fatalf("%v, %v", batch, err)
	}
	count := 0
	for _, err := range c.Subscribe(within(t, patience), dcb.Query{}, 0) {
		if err != nil {
			t.Errorf("the subscription ends with %v", err)
		}
		if count++; count == 2 {
			go c.Close()
		}
	}
	if _, err := response.NextBatch(); !errors.Is(err, dcb.ErrClosed) {
		t.Errorf("the read ends with %v", err)
	}
	<-ended
	<-ended
}

func TestCloseWaitsForAppends(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	s := &scripted{onAppend: func(context.Context, *umadbv1.AppendRequest) (uint64, error) {
		close(entered)
		<-release
		return 7, nil
	}}
	c := s.connect(t)
	appended := make(chan error, 1)
	go func() {
		_, err := c.Append(within(t, patience), nil, nil, nil)
		appended <- err
	}()
	<-entered
	closed := make(chan error, 1)
	go func() { closed <- c.Close() }()
	select {
	case <-closed:
		t.Error("Close did not wait")
	case <-time.After(20 * time.Millisecond):
	}
	close(release)
	if err := <-appended; err != nil {
		t.Errorf("the append: %v", err)
	}
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestAbandonedStreamsAreReleased(t *testing.T) {
	ended := make(chan struct{}, 100)
	c := newEndlessServer(ended).connect(t)
	before := runtime.NumGoroutine()
	for range 20 {
		response := c.Read(context.Background(), dcb.Query{}, dcb.ReadOptions{})
		if _, err := response.NextBatch(); err != nil {
			t.Fatal(err)
		}
		response.Close()
		for range c.Subscribe(context.Background(), dcb.Query{}, 0) {
			break
		}
		for range c.Read(context.Background(), dcb.Query{}, dcb.ReadOptions{}).All() {
			break
		}
		c.Read(context.Background(), dcb.Query{}, dcb.ReadOptions{}) // never used
	}
	for range 60 {
		<-ended
	}
	deadline := time.Now().Add(patience)
	for runtime.NumGoroutine() > before+5 {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines before, %d after", before, runtime.NumGoroutine())
		}
		time.Sleep(time.Millisecond)
	}
}

func TestHealth(t *testing.T) {
	s := new(scripted)
	c := s.connect(t)
	if status, err := c.CheckHealth(within(t, patience), ""); err != nil || status != client.HealthServing || status.String() != "SERVING" {
		t.Errorf("%v, %v", status, err)
	}
	var seen []client.HealthStatus
	for status, err := range c.WatchHealth(within(t, patience), "") {
		if err != nil {
			t.Fatal(err)
		}
		if seen = append(seen, status); status == client.HealthNotServing {
			break
		}
		s.health.SetServingStatus("", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	}
	if len(seen) != 2 || seen[0] != client.HealthServing {
		t.Errorf("seen %v", seen)
	}
	s.grpc.Stop()
	if status, err := c.CheckHealth(within(t, patience), ""); !errors.Is(err, dcb.ErrTransport) {
		t.Errorf("of a stopped server: %v, %v", status, err)
	}
}
