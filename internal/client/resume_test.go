package client_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/wire"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

type subscribing = grpc.ServerStreamingServer[umadbv1.SubscribeResponse]

// transportCodes are the codes of statuses of the transport or a proxy. OK is the code of
// a server that stops.
var transportCodes = []codes.Code{
	codes.OK, codes.Unavailable, codes.Internal, codes.Unknown, codes.Aborted,
	codes.Canceled, codes.DeadlineExceeded, codes.ResourceExhausted,
}

// definiteCodes are the codes of statuses that a retry would return again.
var definiteCodes = []codes.Code{codes.Unauthenticated, codes.PermissionDenied, codes.InvalidArgument, codes.Unimplemented, codes.NotFound}

// newEndingServer returns a server that sends some events of each subscription, or only the
// headers, and ends it. It records the positions after which subscriptions start.
func newEndingServer(positions *[]uint64, events uint64, end func(context.Context) error) *scripted {
	return &scripted{onSubscribe: func(r *umadbv1.SubscribeRequest, stream subscribing) error {
		*positions = append(*positions, r.GetAfter())
		if err := stream.SendHeader(nil); err != nil {
			return err
		}
		if events > 0 {
			if err := stream.Send(&umadbv1.SubscribeResponse{Events: sequenced(r.GetAfter()+1, events)}); err != nil {
				return err
			}
		}
		return end(stream.Context())
	}}
}

func TestSubscriptionResumesAfterTransportErrors(t *testing.T) {
	for _, code := range transportCodes {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			var positions []uint64
			s := newEndingServer(&positions, 2, func(context.Context) error { return status.Error(code, "of a proxy") })
			last := uint64(10)
			for event, err := range s.connect(t).Subscribe(within(t, patience), dcb.Query{}, last) {
				if err != nil || event.Position != last+1 {
					t.Fatalf("after position %d: event %d, %v", last, event.Position, err)
				}
				if last = event.Position; last == 15 {
					break
				}
			}
			if last != 15 {
				t.Errorf("it ended after position %d; subscribed after positions %v", last, positions)
			}
		})
	}
}

func TestResumedSubscriptionSendsItsRequestAgain(t *testing.T) {
	var got []*umadbv1.SubscribeRequest
	s := &scripted{onSubscribe: func(r *umadbv1.SubscribeRequest, stream subscribing) error {
		got = append(got, r)
		return stream.Send(&umadbv1.SubscribeResponse{Events: sequenced(r.GetAfter()+1, 1)})
	}}
	s.start(t, "127.0.0.1:0")
	c := dial(t, s.url, &client.Options{BatchSize: 77})
	query := dcb.Query{Items: []dcb.QueryItem{{Types: []string{"t"}}}}
	for event, err := range c.Subscribe(within(t, patience), query, 10) {
		if err != nil {
			t.Fatal(err)
		}
		if event.Position == 13 {
			break
		}
	}
	if len(got) != 3 {
		t.Errorf("%d requests, want 3", len(got))
	}
	for i, request := range got {
		want := &umadbv1.SubscribeRequest{
			Query:     &umadbv1.Query{Items: []*umadbv1.QueryItem{{Types: []string{"t"}}}},
			After:     proto.Uint64(10 + uint64(i)),
			BatchSize: proto.Uint32(77),
		}
		if !proto.Equal(request, want) {
			t.Errorf("the server got %v, want %v", request, want)
		}
	}
}

func TestRefusedSubscriptionEnds(t *testing.T) {
	expect := func(t *testing.T, want error, end func(context.Context) error) {
		t.Helper()
		var positions []uint64
		var got error
		for _, err := range newEndingServer(&positions, 1, end).connect(t).Subscribe(within(t, patience), dcb.Query{}, 0) {
			got = err
		}
		if !errors.Is(got, want) || len(positions) != 1 {
			t.Errorf("got %v, in %d calls", got, len(positions))
		}
	}
	for _, code := range definiteCodes {
		want := dcb.ErrTransport
		if code == codes.Unauthenticated || code == codes.PermissionDenied {
			want = dcb.ErrAuthentication
		}
		expect(t, want, func(context.Context) error { return status.Error(code, "no") })
	}
	for _, kind := range []error{dcb.ErrIO, dcb.ErrInternal, dcb.ErrCorruption, dcb.ErrInvalidArgument} {
		for _, userAgent := range []string{"umadb", "grpc-go/1"} {
			expect(t, kind, func(ctx context.Context) error {
				st, trailer := wire.ToStatus(&dcb.Error{Kind: kind, Detail: "no"}, userAgent)
				if err := grpc.SetTrailer(ctx, trailer); err != nil {
					return err
				}
				return st.Err()
			})
		}
	}
}

func TestSubscriptionWithNoResumeEnds(t *testing.T) {
	for _, code := range transportCodes {
		var positions []uint64
		s := newEndingServer(&positions, 2, func(context.Context) error { return status.Error(code, "of a proxy") })
		s.start(t, "127.0.0.1:0")
		c := dial(t, s.url, &client.Options{NoResume: true})
		count := 0
		var got error
		for _, err := range c.Subscribe(within(t, patience), dcb.Query{}, 0) {
			count++
			got = err
		}
		wantCount := 3 // the error counts
		if code == codes.OK {
			wantCount = 2
		}
		if count != wantCount || (got == nil) != (code == codes.OK) || len(positions) != 1 || (got != nil && !errors.Is(got, dcb.ErrTransport)) {
			t.Errorf("%v: %d events and errors, the last %v, in %d calls", code, count, got, len(positions))
		}
	}
}

func TestSubscriptionThatHasNotStartedFails(t *testing.T) {
	for _, code := range []codes.Code{codes.Internal, codes.Unknown} {
		calls := 0
		s := &scripted{onSubscribe: func(*umadbv1.SubscribeRequest, subscribing) error {
			calls++
			return status.Error(code, "no such method")
		}}
		for _, err := range s.connect(t).Subscribe(within(t, patience), dcb.Query{}, 0) {
			if !errors.Is(err, dcb.ErrTransport) || calls != 1 {
				t.Errorf("%v: %d calls, %v", code, calls, err)
			}
		}
	}
}

func TestStartedReadEndsWithAnyStatus(t *testing.T) {
	for _, code := range transportCodes[1:] {
		calls := 0
		s := &scripted{onRead: func(_ *umadbv1.ReadRequest, stream grpc.ServerStreamingServer[umadbv1.ReadResponse]) error {
			calls++
			if err := stream.Send(&umadbv1.ReadResponse{Events: sequenced(1, 3)}); err != nil {
				return err
			}
			return status.Error(code, "of a proxy")
		}}
		events, _, err := s.connect(t).Read(within(t, patience), dcb.Query{}, dcb.ReadOptions{}).Collect()
		if !errors.Is(err, dcb.ErrTransport) || events != nil || calls != 1 {
			t.Errorf("%v: %d calls, %v, %v", code, calls, events, err)
		}
	}
}

func TestIdleSubscriptionResumesAfterProxyTimeouts(t *testing.T) {
	const cuts = 200
	var positions []uint64
	s := newEndingServer(&positions, 0, func(context.Context) error {
		time.Sleep(1500 * time.Millisecond)
		return status.Error(codes.Internal, "stream terminated by RST_STREAM")
	})
	cut := s.onSubscribe
	s.onSubscribe = func(r *umadbv1.SubscribeRequest, stream subscribing) error {
		if len(positions) == cuts {
			return stream.Send(&umadbv1.SubscribeResponse{Events: sequenced(r.GetAfter()+1, 1)})
		}
		return cut(r, stream)
	}
	inBubble(t, s, func(t *testing.T, c *client.Client) {
		for event, err := range c.Subscribe(t.Context(), dcb.Query{}, 7) {
			if err != nil || event.Position != 8 {
				t.Errorf("after %d cuts: %v, %v", len(positions), event, err)
			}
			break
		}
		if len(positions) != cuts {
			t.Errorf("it ended after %d cuts", len(positions))
		}
	})
}

func TestSubscriptionResumesForAMinute(t *testing.T) {
	for _, code := range transportCodes {
		t.Run(code.String(), func(t *testing.T) {
			var positions []uint64
			s := newEndingServer(&positions, 1, func(context.Context) error { return status.Error(code, "gone") })
			first := s.onSubscribe
			s.onSubscribe = func(r *umadbv1.SubscribeRequest, stream subscribing) error {
				if len(positions) > 0 {
					return status.Error(code, "still gone")
				}
				return first(r, stream)
			}
			inBubble(t, s, func(t *testing.T, c *client.Client) {
				started := time.Now()
				var got error
				for _, err := range c.Subscribe(t.Context(), dcb.Query{}, 0) {
					got = err
				}
				if waited := time.Since(started); !errors.Is(got, dcb.ErrTransport) || waited < 50*time.Second || waited > time.Minute {
					t.Errorf("after %v it ended with %v", waited, got)
				}
			})
		})
	}
}

func TestResumingSubscriptionEndsWithContext(t *testing.T) {
	var positions []uint64
	s := newEndingServer(&positions, 1, func(context.Context) error { return nil })
	s.onSubscribe = func(r *umadbv1.SubscribeRequest, stream subscribing) error { return stream.SetHeader(metadata.MD{}) }
	inBubble(t, s, func(t *testing.T, c *client.Client) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		var got error
		for _, err := range c.Subscribe(ctx, dcb.Query{}, 0) {
			got = err
		}
		if !errors.Is(got, context.DeadlineExceeded) || !errors.Is(got, dcb.ErrTransport) {
			t.Errorf("it ended with %v", got)
		}
	})
}
