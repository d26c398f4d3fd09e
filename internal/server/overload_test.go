package server_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/internal/server"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// stalled returns a body that stalls after the given bytes.
func stalled(t *testing.T, sent []byte) io.Reader {
	t.Helper()
	reader, writer := io.Pipe()
	t.Cleanup(func() { writer.Close() })
	return io.MultiReader(bytes.NewReader(sent), reader)
}

func TestRequestThatDoesNotArriveTimesOut(t *testing.T) {
	c := start(t, newMemoryStore(), server.Options{ReceiveTimeout: 50 * time.Millisecond}).raw(t)
	for name, sent := range map[string][]byte{
		"no header":  {},
		"no message": {0, 0, 0, 0, 9},
		"no end":     framed([]byte("\x0a\x00")),
	} {
		started := time.Now()
		answer := c.post(t, umadbv1.DCB_Append_FullMethodName, stalled(t, sent))
		if answer.code != codes.DeadlineExceeded || !strings.Contains(answer.message, "50ms") {
			t.Errorf("%s: status is %v: %q", name, answer.code, answer.message)
		}
		if took := time.Since(started); took > patience/2 {
			t.Errorf("%s: it took %v", name, took)
		}
	}
}

func TestStalledRequestReservesOnlyReceivedBytes(t *testing.T) {
	store := newMemoryStore()
	r := start(t, store, server.Options{RequestMemory: 17 << 20})
	slow := r.raw(t)
	request, err := newRequest(slow, umadbv1.DCB_Append_FullMethodName, stalled(t, framed(make([]byte, 16<<20))[:1000]))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if response, err := slow.http.Do(request.WithContext(ctx)); err == nil {
			response.Body.Close()
		}
	}()
	defer func() { cancel(); <-done }()

	// There is memory for other requests, even large ones: only received bytes use memory.
	large := r.raw(t).post(t, umadbv1.DCB_Append_FullMethodName, bytes.NewReader(framed(make([]byte, 16<<20))))
	if large.code != codes.InvalidArgument {
		t.Errorf("a large request ends with %v: %q", large.code, large.message)
	}
	small := &umadbv1.AppendRequest{Events: []*umadbv1.Event{someEvent()}}
	if _, err := r.client(t).Append(within(t, patience), small); err != nil {
		t.Errorf("a small append fails: %v", err)
	}
}

func TestRequestsAreRefusedWhenMemoryIsUsedUp(t *testing.T) {
	store := newMemoryStore()
	entered, release := make(chan struct{}, 1), make(chan struct{})
	store.onCommit = func(context.Context) error {
		entered <- struct{}{}
		<-release
		return nil
	}
	store.limits.RequestBytes = 1 << 20
	r := start(t, store, server.Options{RequestMemory: 1}) // raised to the minimum: one request
	client := r.client(t)
	large := &umadbv1.AppendRequest{Events: []*umadbv1.Event{{Data: make([]byte, 700<<10)}}}
	first := make(chan error, 1)
	go func() {
		_, err := client.Append(within(t, patience), large)
		first <- err
	}()
	<-entered
	if _, err := client.Append(within(t, patience), large); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("the second append: %v", err)
	}
	close(release)
	if err := <-first; err != nil {
		t.Errorf("the first append: %v", err)
	}
	if _, err := client.Append(within(t, patience), large); err != nil {
		t.Errorf("an append afterwards: %v", err)
	}
}

func TestConnectionsOverLimitAreClosed(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{MaxConnections: 2})
	first, second := r.client(t), r.client(t)
	for _, client := range []umadbv1.DCBClient{first, second} {
		if _, err := client.Head(within(t, patience), &umadbv1.HeadRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	third, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	defer third.Close()
	third.SetReadDeadline(time.Now().Add(patience))
	if _, err := third.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("the third connection is not closed: %v", err)
	}
	if _, err := first.Head(within(t, patience), &umadbv1.HeadRequest{}); err != nil {
		t.Errorf("the first connection: %v", err)
	}
}

func TestClosedConnectionIsNotCounted(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{MaxConnections: 1})
	for range 3 {
		conn := r.dial(t, grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: time.Millisecond, MaxDelay: time.Millisecond}, MinConnectTimeout: patience}))
		client := umadbv1.NewDCBClient(conn)
		deadline := time.Now().Add(patience)
		for {
			_, err := client.Head(within(t, patience), &umadbv1.HeadRequest{})
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
		conn.Close()
	}
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

// Connections without a call must not prevent connections with one.
func TestConnectionsWithoutAuthenticatedCallAreReplaced(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{APIKey: apiKey, MaxConnections: 3})
	idle, health, first := r.frames(t, 64<<10), r.frames(t, 64<<10), r.frames(t, 64<<10)
	health.call(watchMethod, framed(nil), true)
	first.call(umadbv1.DCB_Head_FullMethodName, framed(nil), true, bearer...)
	eventually(t, "the first call succeeds", func() bool { return first.count(codes.OK) == 1 })
	for _, anonymous := range []*frameClient{idle, health} {
		next := r.frames(t, 64<<10)
		next.call(umadbv1.DCB_Head_FullMethodName, framed(nil), true, bearer...)
		eventually(t, "a further call succeeds", func() bool { return next.count(codes.OK) == 1 })
		eventually(t, "a connection without a key is closed", anonymous.isClosed)
	}
	if first.isClosed() {
		t.Error("a connection with a key is closed")
	}
}

func TestWrongKeysAreLogged(t *testing.T) {
	var log bytes.Buffer
	r := start(t, newMemoryStore(), server.Options{APIKey: apiKey, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	c := r.raw(t)
	for range 10 {
		c.post(t, umadbv1.DCB_Head_FullMethodName, request(t, &umadbv1.HeadRequest{}), "Authorization", "Bearer guess")
	}
	if err := r.Shutdown(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	text := log.String()
	if strings.Count(text, "\n") != 1 || !strings.Contains(text, "127.0.0.1") || strings.Contains(text, "guess") {
		t.Errorf("logged %q", text)
	}
}
