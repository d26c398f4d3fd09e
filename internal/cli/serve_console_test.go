package cli

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// stoppedServer is a server whose calls in progress take a time.
type stoppedServer struct {
	calls   time.Duration
	started time.Time // of Shutdown
}

// Shutdown is that of server.Server.
func (s *stoppedServer) Shutdown(ctx context.Context) error {
	s.started = time.Now()
	select {
	case <-time.After(s.calls):
		return nil
	case <-ctx.Done():
		return errors.New("aborted")
	}
}

// A client of the console that does not read its answer neither delays nor aborts the calls of others.
func TestUnreadAnswerDoesNotDelayShutdown(t *testing.T) {
	for _, calls := range []time.Duration{0, shutdownGrace - consolePatience - time.Second} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), shutdownGrace)
			defer cancel()
			start := time.Now()
			srv := &stoppedServer{calls: calls}
			if err := shutdown(ctx, srv, func(ctx context.Context) { <-ctx.Done() }); err != nil {
				t.Errorf("calls of %v fail: %v", calls, err)
			}
			if after := srv.started.Sub(start); after != 0 {
				t.Errorf("the server starts to stop after %v", after)
			}
			if after := time.Since(start); after != calls+consolePatience {
				t.Errorf("with calls of %v, the shutdown takes %v", calls, after)
			}
		})
	}
}

// The console does not stop while calls for its answers are in progress, and no longer than it needs.
func TestConsoleAnswersBeforeShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const calls = 3 * consolePatience
		start := time.Now()
		answered := false
		err := shutdown(t.Context(), &stoppedServer{calls: calls}, func(ctx context.Context) {
			select {
			case <-time.After(calls + time.Second):
				answered = true
			case <-ctx.Done():
			}
		})
		if err != nil || !answered || time.Since(start) != calls+time.Second {
			t.Errorf("answered is %v after %v (%v)", answered, time.Since(start), err)
		}
	})
}
