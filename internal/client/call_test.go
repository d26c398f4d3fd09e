package client_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/wire"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

func TestIdempotentCallsAreRetried(t *testing.T) {
	head, tracking, read := &failing{times: 2, err: errUnavailable}, &failing{times: 2, err: errUnavailable}, &failing{times: 2, err: errUnavailable}
	s := &scripted{
		onHead:     func(context.Context) (*uint64, error) { return new(uint64(7)), head.next() },
		onTracking: func(context.Context, string) (*uint64, error) { return new(uint64(7)), tracking.next() },
		onRead: func(_ *umadbv1.ReadRequest, stream grpc.ServerStreamingServer[umadbv1.ReadResponse]) error {
			if err := read.next(); err != nil {
				return err
			}
			return stream.Send(&umadbv1.ReadResponse{Events: sequenced(1, 3)})
		},
	}
	c := s.connect(t)
	if position, err := c.Head(within(t, patience)); err != nil || position != 7 {
		t.Errorf("head: %d, %v", position, err)
	}
	if position, _, err := c.GetTrackingInfo(within(t, patience), "s"); err != nil || position != 7 {
		t.Errorf("tracking: %d, %v", position, err)
	}
	if events, _, err := c.Read(within(t, patience), dcb.Query{}, dcb.ReadOptions{}).Collect(); err != nil || len(events) != 3 {
		t.Errorf("read: %v, %v", events, err)
	}
}

func TestOtherErrorsAreNotRetried(t *testing.T) {
	for _, code := range []codes.Code{codes.Internal, codes.ResourceExhausted, codes.Unimplemented, codes.Aborted, codes.Unknown} {
		head := &failing{times: 9, err: status.Error(code, "no")}
		s := &scripted{onHead: func(context.Context) (*uint64, error) { return nil, head.next() }}
		if _, err := s.connect(t).Head(within(t, patience)); !errors.Is(err, dcb.ErrTransport) || head.calls != 1 {
			t.Errorf("%v: %d calls, %v", code, head.calls, err)
		}
	}
}

func TestStartedReadIsNotRetried(t *testing.T) {
	calls := 0
	s := &scripted{onRead: func(_ *umadbv1.ReadRequest, stream grpc.ServerStreamingServer[umadbv1.ReadResponse]) error {
		calls++
		if err := stream.Send(&umadbv1.ReadResponse{Events: sequenced(1, 3)}); err != nil {
			return err
		}
		return errUnavailable
	}}
	events, _, err := s.connect(t).Read(within(t, patience), dcb.Query{}, dcb.ReadOptions{}).Collect()
	if !errors.Is(err, dcb.ErrTransport) || events != nil || calls != 1 {
		t.Errorf("%d calls, %v, %v", calls, events, err)
	}
}

func TestAppendIsRetriedOnlyIfRecognisable(t *testing.T) {
	matching := &dcb.AppendCondition{FailIfEventsMatch: dcb.Query{Items: []dcb.QueryItem{{Types: []string{"a"}}}}}
	other := &dcb.AppendCondition{FailIfEventsMatch: dcb.Query{Items: []dcb.QueryItem{{Types: []string{"b"}}}}}
	first, second := dcb.Event{Type: "a", UUID: "5bf1c9a2-0000-4000-8000-00000000000a"}, dcb.Event{Type: "b", UUID: "5bf1c9a2-0000-4000-8000-00000000000b"}
	for name, row := range map[string]struct {
		events    []dcb.Event
		condition *dcb.AppendCondition
		again     bool
	}{
		"condition matches first event":       {[]dcb.Event{first, second}, matching, true},
		"condition matches everything":        {[]dcb.Event{second, first}, new(dcb.AppendCondition), true},
		"condition matches only second event": {[]dcb.Event{first, second}, other, false},
		"no condition":                        {[]dcb.Event{first, second}, nil, false},
		"an event without UUID":               {[]dcb.Event{first, {Type: "b"}}, matching, false},
		"duplicate UUID in two forms":         {[]dcb.Event{first, {UUID: "5BF1C9A200004000800000000000000A"}}, matching, false},
		"an invalid UUID":                     {[]dcb.Event{first, {UUID: "x"}}, matching, false},
		"duplicate UUID":                      {[]dcb.Event{first, first}, matching, false},
		"no events":                           {nil, new(dcb.AppendCondition), false},
	} {
		t.Run(name, func(t *testing.T) {
			appends := &failing{times: 1, err: errUnavailable}
			s := &scripted{onAppend: func(context.Context, *umadbv1.AppendRequest) (uint64, error) { return 7, appends.next() }}
			position, err := s.connect(t).Append(within(t, patience), row.events, row.condition, nil)
			switch {
			case row.again && (err != nil || position != 7 || appends.calls != 2):
				t.Errorf("%d calls, %v", appends.calls, err)
			case !row.again && (!errors.Is(err, dcb.ErrTransport) || !strings.Contains(err.Error(), "unknown") || appends.calls != 1):
				t.Errorf("%d calls, %v", appends.calls, err)
			}
		})
	}
}

func TestRefusedAppendIsNotAppended(t *testing.T) {
	s := &scripted{onAppend: func(context.Context, *umadbv1.AppendRequest) (uint64, error) {
		return 0, status.Error(codes.ResourceExhausted, "full")
	}}
	inBubble(t, s, func(t *testing.T, c *client.Client) {
		if _, err := c.Append(within(t, time.Second), nil, nil, nil); err == nil || !strings.Contains(err.Error(), "nothing was appended") {
			t.Error(err)
		}
	})
}

// errOverloaded is the status of a server without enough memory for a call.
var errOverloaded = status.Error(codes.ResourceExhausted, "not enough memory for requests")

func TestCallsToOverloadedServerAreRetried(t *testing.T) {
	appends, reads, subscriptions := &failing{times: 3, err: errOverloaded}, &failing{times: 3, err: errOverloaded}, &failing{times: 3, err: errOverloaded}
	s := &scripted{
		onAppend: func(context.Context, *umadbv1.AppendRequest) (uint64, error) { return 7, appends.next() },
		onRead: func(_ *umadbv1.ReadRequest, stream grpc.ServerStreamingServer[umadbv1.ReadResponse]) error {
			if err := reads.next(); err != nil {
				return err
			}
			return stream.Send(&umadbv1.ReadResponse{Events: sequenced(1, 3)})
		},
		onSubscribe: func(_ *umadbv1.SubscribeRequest, stream subscribing) error {
			if err := subscriptions.next(); err != nil {
				return err
			}
			return stream.Send(&umadbv1.SubscribeResponse{Events: sequenced(1, 3)})
		},
	}
	inBubble(t, s, func(t *testing.T, c *client.Client) {
		// It could not be retried if its outcome were unknown.
		if position, err := c.Append(t.Context(), []dcb.Event{{Type: "a"}}, nil, nil); err != nil || position != 7 || appends.calls != 4 {
			t.Errorf("append: %d, %v, in %d calls", position, err, appends.calls)
		}
		if events, _, err := c.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect(); err != nil || len(events) != 3 || reads.calls != 4 {
			t.Errorf("read: %d events, %v, in %d calls", len(events), err, reads.calls)
		}
		for _, err := range c.Subscribe(t.Context(), dcb.Query{}, 0) {
			if err != nil || subscriptions.calls != 4 {
				t.Errorf("subscription: %v, in %d calls", err, subscriptions.calls)
			}
			break
		}
	})
}

func TestAppendToOverloadedServerFails(t *testing.T) {
	s := &scripted{onAppend: func(context.Context, *umadbv1.AppendRequest) (uint64, error) { return 0, errOverloaded }}
	inBubble(t, s, func(t *testing.T, c *client.Client) {
		started := time.Now()
		_, err := c.Append(t.Context(), []dcb.Event{{Type: "a"}}, nil, nil)
		if waited := time.Since(started); !errors.Is(err, dcb.ErrTransport) || !strings.Contains(err.Error(), "nothing was appended") || waited < 7*time.Second || waited > 10*time.Second {
			t.Errorf("after %v: %v", waited, err)
		}
	})
}

func TestAppendEndedByStoppingServerIsNotAppended(t *testing.T) {
	stops := &failing{times: 2, err: status.Error(codes.Unavailable, wire.Stopping)}
	s := &scripted{onAppend: func(context.Context, *umadbv1.AppendRequest) (uint64, error) { return 7, stops.next() }}
	inBubble(t, s, func(t *testing.T, c *client.Client) {
		if position, err := c.Append(t.Context(), []dcb.Event{{Type: "a"}}, nil, nil); err != nil || position != 7 || stops.calls != 3 {
			t.Errorf("append: %d, %v, in %d calls", position, err, stops.calls)
		}
	})
	stops.times = 1000
	inBubble(t, s, func(t *testing.T, c *client.Client) {
		_, err := c.Append(t.Context(), []dcb.Event{{Type: "a"}}, nil, nil)
		if failed := (*dcb.Error)(nil); !errors.As(err, &failed) || !failed.NotAppended {
			t.Errorf("append: %v", err)
		}
	})
}

func TestTooLargeAppendIsNotRetried(t *testing.T) {
	calls := 0
	s := &scripted{onAppend: func(context.Context, *umadbv1.AppendRequest) (uint64, error) { calls++; return 0, errOverloaded }}
	inBubble(t, s, func(t *testing.T, c *client.Client) {
		_, err := c.Append(t.Context(), []dcb.Event{{Data: make([]byte, 16<<20)}}, nil, nil)
		if !errors.Is(err, dcb.ErrTransport) || !strings.Contains(err.Error(), "nothing was appended") || calls != 1 {
			t.Errorf("%d calls: %v", calls, err)
		}
	}, grpc.MaxRecvMsgSize(32<<20))
}

func TestAppendThatCannotBeSentIsNotAppended(t *testing.T) {
	s := new(scripted)
	c := s.connect(t)
	stopServer(t, s, c)
	ctx := within(t, patience/20)
	_, err := c.Append(ctx, []dcb.Event{{Type: "a"}}, nil, nil)
	if !errors.Is(err, dcb.ErrTransport) || !strings.Contains(err.Error(), "nothing was appended") {
		t.Error(err)
	}
}

// stopServer stops the server and waits until the client has noticed.
func stopServer(t *testing.T, s *scripted, c *client.Client) {
	t.Helper()
	s.grpc.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if _, err := c.CheckHealth(within(t, patience), ""); err != nil && !strings.Contains(err.Error(), "EOF") {
			return
		}
	}
	t.Fatal("the client still reaches the stopped server")
}

func TestAppendWaitsForRestartedServer(t *testing.T) {
	s := &scripted{onAppend: func(context.Context, *umadbv1.AppendRequest) (uint64, error) { return 7, nil }}
	c := s.connect(t)
	stopServer(t, s, c)
	appended := make(chan error, 1)
	go func() {
		// It has no condition, but it may wait because it has not been sent.
		_, err := c.Append(within(t, patience), []dcb.Event{{Type: "a"}}, nil, nil)
		appended <- err
	}()
	again := &scripted{onAppend: s.onAppend}
	again.start(t, strings.TrimPrefix(s.url, "http://"))
	if err := <-appended; err != nil {
		t.Error(err)
	}
}

func TestSubscriptionResumesAfterLastEvent(t *testing.T) {
	var positions []uint64
	s := &scripted{onSubscribe: func(r *umadbv1.SubscribeRequest, stream grpc.ServerStreamingServer[umadbv1.SubscribeResponse]) error {
		positions = append(positions, r.GetAfter())
		if err := stream.Send(&umadbv1.SubscribeResponse{Events: sequenced(r.GetAfter()+1, 3)}); err != nil {
			return err
		}
		if len(positions) < 4 {
			return errUnavailable
		}
		return nil
	}}
	last := uint64(10)
	for event, err := range s.connect(t).Subscribe(within(t, patience), dcb.Query{}, last) {
		if err != nil {
			t.Fatal(err)
		}
		if event.Position != last+1 {
			t.Errorf("event %d follows event %d", event.Position, last)
		}
		if last = event.Position; last == 22 {
			break
		}
	}
	if last != 22 || len(positions) != 4 || positions[3] != 19 {
		t.Errorf("subscribed after positions %v, received events up to %d", positions, last)
	}
}
