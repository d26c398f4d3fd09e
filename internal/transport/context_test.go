package transport_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/internal/transport"
)

// TestContext compares the context of a call with what package context does: before and
// after the end of the call, for what waits and what is derived.
func TestContext(t *testing.T) {
	ends := map[string]struct {
		end  func(c *frameClient)
		want error
	}{
		"reset":    {func(c *frameClient) { c.reset(1) }, context.Canceled},
		"deadline": {func(*frameClient) { time.Sleep(6 * time.Second) }, context.DeadlineExceeded},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *running) {
				contexts := make(chan context.Context)
				returned := make(chan struct{})
				r.handler.serve = func(s *transport.Stream) error {
					contexts <- s.Context()
					<-returned
					return status.Error(codes.Aborted, "")
				}
				c := r.connect()
				c.open(false, callFields(unaryEcho, "grpc-timeout", "5S")...)
				ctx := <-contexts
				derived, cancel := context.WithCancel(ctx)
				defer cancel()
				called := make(chan string, 2)
				context.AfterFunc(ctx, func() { called <- "registered" })
				if stop := context.AfterFunc(ctx, func() { called <- "stopped" }); !stop() || stop() {
					t.Error("stop reports the wrong result")
				}
				waiting := ctx.Done()
				if ctx.Err() != nil || derived.Err() != nil || ctx.Value("key") != nil {
					t.Errorf("before the end: %v, derived %v", ctx.Err(), derived.Err())
				}
				end.end(c)
				<-waiting
				<-derived.Done()
				<-ctx.Done()
				synctest.Wait()
				if err := ctx.Err(); !errors.Is(err, end.want) || !errors.Is(derived.Err(), end.want) {
					t.Errorf("after the end: %v, derived %v, want %v", err, derived.Err(), end.want)
				}
				if len(called) != 1 || <-called != "registered" {
					t.Error("not exactly the registered function was called")
				}
				if stop := context.AfterFunc(ctx, func() { called <- "late" }); <-called != "late" || stop() {
					t.Error("a function that is registered after the end is not called")
				}
				close(returned)
			})
		})
	}
}

// A channel that is asked for after the end is closed.
func TestContextAfterTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		contexts := make(chan context.Context, 1)
		r.handler.serve = func(s *transport.Stream) error {
			contexts <- s.Context()
			return nil
		}
		c := r.connect()
		c.wantStatus(c.call(unaryEcho, nil), "0")
		ctx := <-contexts
		<-ctx.Done()
		if !errors.Is(ctx.Err(), context.Canceled) {
			t.Errorf("error %v", ctx.Err())
		}
		if _, ok := ctx.Deadline(); ok {
			t.Error("a call without a timeout has a deadline")
		}
	})
}
