package server_test

import (
	"context"
	"io"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/wire"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// A condition may take long to evaluate; until then the append has no effect.
func TestShutdownEndsAppendsThatAreNotClaimed(t *testing.T) {
	store := newMemoryStore()
	entered := blockCommit(store)
	r := start(t, store, server.Options{})
	client := r.client(t)
	appended := make(chan error, 1)
	go func() {
		_, err := client.Append(within(t, 2*patience), &umadbv1.AppendRequest{Events: []*umadbv1.Event{someEvent()}})
		appended <- err
	}()
	<-entered
	if err := r.Shutdown(within(t, patience)); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if err := <-appended; !wire.RefusedForStop(status.Code(err), status.Convert(err).Message()) {
		t.Errorf("the append: %v", err)
	}
}

func TestShutdownEndsRequestsThatDoNotArrive(t *testing.T) {
	large := framed(make([]byte, 3<<20))
	for name, sent := range map[string][]byte{
		"no header": {},
		"no end":    large[:len(large)-1],
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, newMemoryStore(), server.Options{})
			c := r.raw(t)
			c.http.Timeout = 2 * patience
			body, cut := io.Pipe()
			defer cut.Close()
			answered := make(chan rawResponse, 1)
			go func() {
				defer close(answered) // if post fails
				answered <- c.post(t, umadbv1.DCB_Append_FullMethodName, body)
			}()
			if _, err := cut.Write(sent); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the call has started", func() bool { return r.CallsUsed() > 0 })
			if err := r.Shutdown(within(t, patience)); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
			if answer := <-answered; answer.code != codes.Unavailable || answer.message != wire.Stopping {
				t.Errorf("the append ends with %v: %q", answer.code, answer.message)
			}
		})
	}
}

// A client that ignores GOAWAY continues to call.
func TestShutdownRefusesNewCalls(t *testing.T) {
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
		_, err := client.Append(within(t, patience), new(umadbv1.AppendRequest))
		appended <- err
	}()
	<-entered
	c := r.frames(t, 64<<10)
	c.call(umadbv1.DCB_Head_FullMethodName, framed(nil), true)
	eventually(t, "a call before the shutdown succeeds", func() bool { return c.count(codes.OK) == 1 })
	stopped := make(chan error, 1)
	go func() { stopped <- r.Shutdown(within(t, patience)) }()
	waitUntilNotListening(t, r)
	c.call(umadbv1.DCB_Head_FullMethodName, framed(nil), true)
	c.call(umadbv1.DCB_Subscribe_FullMethodName, framed(nil), true)
	eventually(t, "the calls end", func() bool { return c.count(codes.Unavailable)+c.count(codes.OK) == 3 })
	if refused := c.count(codes.Unavailable); refused != 2 {
		t.Errorf("%d of 2 calls are refused", refused)
	}
	close(release)
	if err := <-appended; err != nil {
		t.Errorf("the append: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}
