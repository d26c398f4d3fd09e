package server_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/umadb-go/umadb/internal/server"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

func TestShutdownWaitsForAppends(t *testing.T) {
	store := newMemoryStore()
	entered, release := make(chan struct{}), make(chan struct{})
	store.onCommit = func(context.Context) error {
		close(entered)
		<-release
		return nil
	}
	r := start(t, store, server.Options{})
	client := r.client(t)
	appended := make(chan error, 1)
	go func() {
		_, err := client.Append(within(t, patience), &umadbv1.AppendRequest{Events: []*umadbv1.Event{someEvent()}})
		appended <- err
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- r.Shutdown(within(t, patience)) }()
	select {
	case err := <-stopped:
		t.Fatalf("Shutdown did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	if err := <-appended; err != nil {
		t.Errorf("the append: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if err := <-r.served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestShutdownEndsSubscriptionsWithoutError(t *testing.T) {
	store := newMemoryStore()
	r := start(t, store, server.Options{})
	client := r.client(t)
	if _, err := client.Append(within(t, patience), &umadbv1.AppendRequest{Events: []*umadbv1.Event{someEvent()}}); err != nil {
		t.Fatal(err)
	}
	subscription, err := client.Subscribe(within(t, patience), &umadbv1.SubscribeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	reading, err := client.Read(within(t, patience), readOn())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := subscription.Recv(); err != nil {
		t.Fatal(err)
	}
	if _, err := reading.Recv(); err != nil {
		t.Fatal(err)
	}
	if err := r.Shutdown(within(t, patience)); err != nil {
		t.Error(err)
	}
	if _, err := subscription.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the subscription ends with %v", err)
	}
	if _, err := reading.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the read that subscribes ends with %v", err)
	}
}

func TestShutdownFailsIncompleteReads(t *testing.T) {
	store := newMemoryStore()
	r := start(t, store, server.Options{})
	client := r.client(t)
	event := &umadbv1.Event{Data: make([]byte, 1<<20)}
	if _, err := client.Append(within(t, patience), &umadbv1.AppendRequest{Events: []*umadbv1.Event{event, event, event}}); err != nil {
		t.Fatal(err)
	}
	second, release := make(chan struct{}), make(chan struct{})
	calls := 0
	store.onNext = func() {
		if calls++; calls == 2 {
			close(second)
			<-release
		}
	}
	read, err := client.Read(within(t, patience), &umadbv1.ReadRequest{})
	if err != nil {
		t.Fatal(err)
	}
	<-second
	stopped := make(chan error, 1)
	go func() { stopped <- r.Shutdown(within(t, patience)) }()
	waitUntilNotListening(t, r)
	close(release)
	err = nil
	for err == nil {
		_, err = read.Recv()
	}
	if status.Code(err) != codes.Unavailable {
		t.Errorf("the read ends with %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// waitUntilNotListening waits until Shutdown has closed the listener.
func waitUntilNotListening(t *testing.T, r *running) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		conn, err := net.Dial("tcp", r.address)
		if err != nil {
			return
		}
		conn.Close()
	}
	t.Fatal("the server still listens")
}

func TestShutdownReturnsWhenContextIsDone(t *testing.T) {
	store := newMemoryStore()
	entered := blockCommit(store)
	r := start(t, store, server.Options{})
	client := r.client(t)
	appended := make(chan error, 1)
	go func() {
		_, err := client.Append(within(t, patience), new(umadbv1.AppendRequest))
		appended <- err
	}()
	<-entered
	if err := r.Shutdown(within(t, 50*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	if err := <-appended; status.Code(err) != codes.Unavailable {
		t.Errorf("the append: %v", err)
	}
}

func TestShutdownDoesNotWaitForHandshakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := server.New(newMemoryStore(), server.Options{})
		if err != nil {
			t.Fatal(err)
		}
		listener := bufconn.Listen(1 << 16)
		go s.Serve(listener)
		silent, err := listener.DialContext(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		synctest.Wait() // it is accepted
		started := time.Now()
		if err := s.Shutdown(t.Context()); err != nil || time.Since(started) > 0 {
			t.Errorf("after %v: %v", time.Since(started), err)
		}
	})
}

func TestServeAfterShutdownReturns(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{})
	if err := r.Shutdown(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Serve(listener); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if err := r.Shutdown(within(t, patience)); err != nil {
		t.Errorf("a second Shutdown: %v", err)
	}
}

// A client may start a call before it receives the GOAWAY of a server that stops.
func TestShutdownRefusesCallsOfOpenConnections(t *testing.T) {
	store := newMemoryStore()
	entered, release := make(chan struct{}, 1), make(chan struct{})
	store.onCommit = func(context.Context) error {
		entered <- struct{}{}
		<-release
		return nil
	}
	r := start(t, store, server.Options{})
	holding := r.client(t)
	conn := r.dial(t, grpc.WithDisableRetry())
	client := umadbv1.NewDCBClient(conn)
	if _, err := client.Head(within(t, patience), &umadbv1.HeadRequest{}); err != nil {
		t.Fatal(err)
	}
	appended := make(chan error, 1)
	go func() {
		_, err := holding.Append(within(t, patience), new(umadbv1.AppendRequest))
		appended <- err
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- r.Shutdown(within(t, patience)) }()
	waitUntilNotListening(t, r)
	if _, err := client.Append(within(t, patience), new(umadbv1.AppendRequest)); status.Code(err) != codes.Unavailable {
		t.Errorf("an append: %v", err)
	}
	close(release)
	if err := <-appended; err != nil {
		t.Errorf("the append in progress: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}
