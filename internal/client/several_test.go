package client_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// Appends that a server does not recognise when they are repeated, and that it recognises.
var (
	event     = []dcb.Event{{Type: "a"}}
	withUUID  = []dcb.Event{{Type: "a", UUID: "5bf1c9a2-0000-4000-8000-00000000000a"}}
	condition = &dcb.AppendCondition{}
)

func TestReadsTakeTurnsAndAppendsStay(t *testing.T) {
	g := newGroup(3)
	g.inBubble(t, func(t *testing.T, c *client.Client) {
		if calls := g.heads(t, c, 6); strings.Count(calls, "a") != 2 || strings.Count(calls, "b") != 2 || strings.Count(calls, "c") != 2 {
			t.Errorf("6 calls went to %s", calls)
		}
		for range 2 {
			if _, _, err := c.GetTrackingInfo(t.Context(), "s"); err != nil {
				t.Error(err)
			}
			if _, _, err := c.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect(); err != nil {
				t.Error(err)
			}
		}
		if calls := g.called(); len(calls) != 4 || !strings.Contains(calls, "a") || !strings.Contains(calls, "b") || !strings.Contains(calls, "c") {
			t.Errorf("4 calls went to %s", calls)
		}
		for range 4 {
			if _, err := c.Append(t.Context(), event, nil, nil); err != nil {
				t.Error(err)
			}
		}
		if calls := g.called(); calls != "aaaa" {
			t.Errorf("4 appends went to %s", calls)
		}
	})
}

// After a failure, appends stay with the server that has accepted one.
func TestAppendsMoveToAnotherServer(t *testing.T) {
	g := newGroup(3)
	g.inBubble(t, func(t *testing.T, c *client.Client) {
		appends := func() string {
			if _, err := c.Append(t.Context(), event, nil, nil); err != nil {
				t.Error(err)
			}
			return g.called()
		}
		if calls := appends(); calls != "a" {
			t.Errorf("an append went to %s", calls)
		}
		g.stop(0)
		synctest.Wait()
		if calls := appends(); calls != "b" {
			t.Errorf("with a down, an append went to %s", calls)
		}
		g.start(0)
		sleep(t, 2*client.FirstAvoidance)
		if calls := appends(); calls != "b" {
			t.Errorf("with a up again, an append went to %s", calls)
		}
		g.wantTurns(t, c, "abc")
	})
}

func TestAppendIsSentElsewhereOnlyIfThatIsSafe(t *testing.T) {
	matching := &dcb.AppendCondition{FailIfEventsMatch: dcb.Query{Items: []dcb.QueryItem{{Types: []string{"a"}}}}}
	for name, row := range map[string]struct {
		err       error
		events    []dcb.Event
		condition *dcb.AppendCondition
		calls     string
		want      error // nil for success
		text      string
	}{
		"the outcome is unknown":                     {errUnavailable, event, nil, "a", dcb.ErrTransport, "a:1: temporarily unavailable; whether the events were appended is unknown"},
		"the outcome is unknown, and it is repeated": {errUnavailable, withUUID, matching, "ab", nil, ""},
		"the server is stopping":                     {errStoppingServer, event, nil, "ab", nil, ""},
		"the server has no memory":                   {errOverloaded, event, nil, "ab", nil, ""},
		"the server has lost its shared log":         {errSilent, event, nil, "ab", nil, ""},
		"the server is a standby":                    {errStandby, event, nil, "ab", nil, ""},
		"the disk has failed":                        {errDisk, event, nil, "a", dcb.ErrIO, "a:1: disk"},
		"the disk has failed, and it is repeated":    {errDisk, withUUID, condition, "ab", nil, ""},
		"the condition has failed":                   {errConflict, withUUID, condition, "a", dcb.ErrIntegrity, "integrity error: it matches"},
		"the connection is reset":                    {grpcError(codes.Internal, "stream terminated"), event, nil, "a", dcb.ErrTransport, "whether the events were appended is unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGroup(3)
			g.servers[0].onAppend = func(ctx context.Context, _ *umadbv1.AppendRequest) (uint64, error) {
				g.note(0)
				return 0, withDetails(ctx, row.err)
			}
			g.inBubble(t, func(t *testing.T, c *client.Client) {
				_, err := c.Append(t.Context(), row.events, row.condition, nil)
				if calls := g.called(); calls != row.calls {
					t.Errorf("it was sent to %s, want %s", calls, row.calls)
				}
				if !errors.Is(err, row.want) || err != nil && !strings.Contains(err.Error(), row.text) {
					t.Errorf("the error is %v", err)
				}
				if row.calls == "ab" {
					if _, err := c.Append(t.Context(), event, nil, nil); err != nil || g.called() != "b" {
						t.Errorf("the next append did not stay with b: %v", err)
					}
				}
				turns := "bc"
				if row.err == errStandby || row.err == errConflict {
					turns = "abc"
				}
				g.wantTurns(t, c, turns)
			})
		})
	}
}

// A server does not recognise an append that began when its condition was after the head. The client
// cannot know the head, but positions that it has seen are not after it.
func TestAppendAfterWhatWasSeenIsNotRepeated(t *testing.T) {
	for after, want := range map[uint64]string{0: "ab", 7: "ab", 8: "a"} {
		g := newGroup(2)
		g.inBubble(t, func(t *testing.T, c *client.Client) {
			if _, err := c.Append(t.Context(), event, nil, nil); err != nil { // at 7
				t.Fatal(err)
			}
			g.called()
			g.servers[0].onAppend = func(context.Context, *umadbv1.AppendRequest) (uint64, error) {
				g.servers[1].onHead = func(context.Context) (*uint64, error) { return new(uint64(9)), nil }
				for range 2 { // meanwhile, the client sees a later position
					if _, err := c.Head(t.Context()); err != nil {
						t.Error(err)
					}
				}
				g.called()
				g.note(0)
				return 0, errUnavailable
			}
			condition := &dcb.AppendCondition{After: after}
			_, err := c.Append(t.Context(), withUUID, condition, nil)
			if calls := g.called(); calls != want || (err == nil) != (want == "ab") {
				t.Errorf("an append after %d was sent to %s, %v; want %s", after, calls, err, want)
			}
		})
	}
}

// An attempt that may have had an effect is not forgotten when a later one has none.
func TestOutcomeOfSeveralAttemptsIsUnknown(t *testing.T) {
	for name, refusal := range map[string]error{"none": nil, "standby": errStandby, "disk": errDisk, "key": grpcError(codes.Unauthenticated, "another key")} {
		count := 2
		if refusal == nil {
			count = 1
		}
		g := newGroup(count)
		g.servers[0].onAppend = func(context.Context, *umadbv1.AppendRequest) (uint64, error) { return 0, errUnavailable }
		if count > 1 {
			g.servers[1].onAppend = func(ctx context.Context, _ *umadbv1.AppendRequest) (uint64, error) {
				return 0, withDetails(ctx, refusal)
			}
		}
		g.inBubble(t, func(t *testing.T, c *client.Client) {
			stopped := make(chan struct{})
			go func() {
				defer close(stopped)
				sleep(t, 1) // after the first attempt
				g.stop(0)
			}()
			_, err := c.Append(t.Context(), withUUID, condition, nil)
			<-stopped
			var failed *dcb.Error
			if !errors.As(err, &failed) || failed.Kind != dcb.ErrTransport || failed.NotAppended || !strings.Contains(err.Error(), "unknown") {
				t.Errorf("refusal %s: %v", name, err)
			}
		})
	}
}

func TestErrorNamesEachServer(t *testing.T) {
	g := newGroup(3)
	g.servers[1].onAppend = func(ctx context.Context, _ *umadbv1.AppendRequest) (uint64, error) {
		return 0, withDetails(ctx, errStandby)
	}
	g.inBubble(t, func(t *testing.T, c *client.Client) {
		g.stop(0)
		g.stop(2)
		synctest.Wait()
		_, err := c.Append(t.Context(), event, nil, nil)
		var failed *dcb.Error
		if !errors.As(err, &failed) || !failed.NotAppended {
			t.Errorf("the error is %v", err)
		}
		for _, part := range []string{"transport error: no server of 3 can be used: ", "a:1: connection refused", "b:1: this server is a standby of", "c:1: connection refused", "; nothing was appended"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q does not contain %q", err, part)
			}
		}
	})
}

func TestCallsMoveToAServerThatWorks(t *testing.T) {
	for name, err := range map[string]error{
		"unavailable": errUnavailable, "overloaded": errOverloaded, "disk": errDisk, "other program": grpcError(codes.Unimplemented, "no such method"),
	} {
		t.Run(name, func(t *testing.T) {
			g := newGroup(3)
			g.servers[1].onHead = func(ctx context.Context) (*uint64, error) { g.note(1); return nil, withDetails(ctx, err) }
			g.servers[1].onRead = func(_ *umadbv1.ReadRequest, stream grpc.ServerStreamingServer[umadbv1.ReadResponse]) error {
				g.note(1)
				return withDetails(stream.Context(), err)
			}
			g.inBubble(t, func(t *testing.T, c *client.Client) {
				started := now()
				if calls := g.heads(t, c, 6); strings.Count(calls, "b") != 1 {
					t.Errorf("6 calls went to %s", calls)
				}
				if now() != started {
					t.Error("there was a pause")
				}
				sleep(t, client.FirstAvoidance)
				g.called()
				for range 6 {
					if _, _, err := c.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect(); err != nil {
						t.Error(err)
					}
				}
				if calls := g.called(); strings.Count(calls, "b") != 1 {
					t.Errorf("6 reads went to %s", calls)
				}
				sleep(t, client.FirstAvoidance) // it is avoided longer now
				if calls := g.heads(t, c, 6); strings.Contains(calls, "b") {
					t.Errorf("6 calls after the first pause went to %s", calls)
				}
				g.servers[1].onHead = func(context.Context) (*uint64, error) { g.note(1); return new(uint64(7)), nil }
				sleep(t, client.FirstAvoidance)
				g.wantTurns(t, c, "abc")
			})
		})
	}
}

// Errors about the call itself are not repeated at other servers.
func TestRefusedCallsDoNotMove(t *testing.T) {
	for _, err := range []error{errConflict, grpcError(codes.Unauthenticated, "the key is wrong")} {
		g := newGroup(3)
		for i, s := range g.servers {
			s.onHead = func(ctx context.Context) (*uint64, error) { g.note(i); return nil, withDetails(ctx, err) }
		}
		g.inBubble(t, func(t *testing.T, c *client.Client) {
			if _, got := c.Head(t.Context()); got == nil || strings.Contains(got.Error(), ":1") {
				t.Errorf("the error is %v", got)
			}
			if calls := g.called(); len(calls) != 1 {
				t.Errorf("a call went to %s", calls)
			}
		})
	}
}

// While no server works, calls are retried as for one server.
func TestCallsWaitForAnyServer(t *testing.T) {
	g := newGroup(2)
	g.inBubble(t, func(t *testing.T, c *client.Client) {
		g.stop(0)
		g.stop(1)
		synctest.Wait()
		go func() {
			sleep(t, 2*client.ConnectGrace)
			g.start(1)
		}()
		if position, err := c.Append(t.Context(), event, nil, nil); err != nil || position != 7 {
			t.Errorf("append: %d, %v", position, err)
		}
		g.stop(1)
		synctest.Wait()
		started := now()
		if _, err := c.Head(t.Context()); !errors.Is(err, dcb.ErrTransport) || now().Sub(started) > client.CallPatience {
			t.Errorf("after %v: %v", now().Sub(started), err)
		}
	})
}

func TestCallEndsWithItsContextAtSeveralServers(t *testing.T) {
	g := newGroup(2)
	for _, s := range g.servers {
		s.onAppend = func(ctx context.Context, _ *umadbv1.AppendRequest) (uint64, error) { <-ctx.Done(); return 0, ctx.Err() }
		s.onHead = func(context.Context) (*uint64, error) { return nil, errUnavailable }
	}
	g.inBubble(t, func(t *testing.T, c *client.Client) {
		ctx, cancel := context.WithTimeout(t.Context(), client.ConnectGrace)
		defer cancel()
		if _, err := c.Append(ctx, event, nil, nil); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "a:1: ") {
			t.Errorf("append: %v", err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), client.ConnectGrace)
		defer cancel()
		if _, err := c.Head(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("head: %v", err)
		}
	})
}

// A server is not avoided because a call has ended with its context.
func TestServerIsNotAvoidedForAContext(t *testing.T) {
	g := newGroup(3)
	var slow atomic.Bool
	slow.Store(true)
	for i, s := range g.servers {
		s.onHead = func(ctx context.Context) (*uint64, error) {
			if slow.Load() {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			g.note(i)
			return new(uint64(7)), nil
		}
	}
	g.inBubble(t, func(t *testing.T, c *client.Client) {
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), client.ConnectGrace)
			defer cancel()
			if _, err := c.Head(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("head: %v", err)
			}
		}
		slow.Store(false)
		if calls := g.heads(t, c, 3); calls != "abc" {
			t.Errorf("3 calls went to %s", calls)
		}
	})
}

// The error of a context is not hidden by those of other servers.
func TestAppendThatMovesEndsWithItsContext(t *testing.T) {
	g := newGroup(2)
	g.servers[0].onAppend = func(context.Context, *umadbv1.AppendRequest) (uint64, error) { return 0, errStoppingServer }
	g.servers[1].onAppend = func(ctx context.Context, _ *umadbv1.AppendRequest) (uint64, error) { <-ctx.Done(); return 0, ctx.Err() }
	g.inBubble(t, func(t *testing.T, c *client.Client) {
		ctx, cancel := context.WithTimeout(t.Context(), client.ConnectGrace)
		defer cancel()
		if _, err := c.Append(ctx, event, nil, nil); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "b:1: ") || !strings.Contains(err.Error(), "unknown") {
			t.Errorf("append: %v", err)
		}
	})
}
