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

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/wire"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

type subscribing = grpc.ServerStreamingServer[umadbv1.SubscribeResponse]

// transportCodes are those of statuses that come from the transport or a proxy. OK is
// that of a server that stops.
var transportCodes = []codes.Code{
	codes.OK, codes.Unavailable, codes.Internal, codes.Unknown, codes.Aborted,
	codes.Canceled, codes.DeadlineExceeded, codes.ResourceExhausted,
}

// definiteCodes are those of statuses that the same call would get again.
var definiteCodes = []codes.Code{codes.Unauthenticated, codes.PermissionDenied, codes.InvalidArgument, codes.Unimplemented, codes.NotFound}

// endsWith sends an event, or only the headers, of each subscription, and ends it.
func endsWith(asked *[]uint64, events uint64, end func(context.Context) error) *scripted {
	return &scripted{onSubscribe: func(r *umadbv1.SubscribeRequest, stream subscribing) error {
		*asked = append(*asked, r.GetAfter())
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

func TestASubscriptionResumesWhateverEndsIt(t *testing.T) {
	for _, code := range transportCodes {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			var asked []uint64
			s := endsWith(&asked, 2, func(context.Context) error { return status.Error(code, "of a proxy") })
			last := uint64(10)
			for event, err := range s.connect(t).Subscribe(within(t, patience), dcb.Query{}, last) {
				if err != nil || event.Position != last+1 {
					t.Fatalf("after position %d came %d, %v", last, event.Position, err)
				}
				if last = event.Position; last == 15 {
					break
				}
			}
			if last != 15 {
				t.Errorf("it ended after position %d, asked for %v", last, asked)
			}
		})
	}
}

func TestASubscriptionThatIsRefusedEnds(t *testing.T) {
	expect := func(t *testing.T, want error, end func(context.Context) error) {
		t.Helper()
		var asked []uint64
		var got error
		for _, err := range endsWith(&asked, 1, end).connect(t).Subscribe(within(t, patience), dcb.Query{}, 0) {
			got = err
		}
		if !errors.Is(got, want) || len(asked) != 1 {
			t.Errorf("got %v, in %d calls", got, len(asked))
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

func TestASubscriptionThatIsNotToResumeEnds(t *testing.T) {
	for _, code := range transportCodes {
		var asked []uint64
		s := endsWith(&asked, 2, func(context.Context) error { return status.Error(code, "of a proxy") })
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
		if count != wantCount || (got == nil) != (code == codes.OK) || len(asked) != 1 || (got != nil && !errors.Is(got, dcb.ErrTransport)) {
			t.Errorf("%v: %d events and errors, the last %v, in %d calls", code, count, got, len(asked))
		}
	}
}

func TestASubscriptionThatHasNotBegunFailsLikeARead(t *testing.T) {
	for _, code := range []codes.Code{codes.Internal, codes.Unknown} {
		calls := 0
		s := &scripted{onSubscribe: func(*umadbv1.SubscribeRequest, subscribing) error {
			calls++
			return status.Error(code, "there is no such thing here")
		}}
		for _, err := range s.connect(t).Subscribe(within(t, patience), dcb.Query{}, 0) {
			if !errors.Is(err, dcb.ErrTransport) || calls != 1 {
				t.Errorf("%v: %d calls, %v", code, calls, err)
			}
		}
	}
}

func TestAReadThatHasBegunEndsWhateverTheStatus(t *testing.T) {
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

func TestAnIdleSubscriptionOutlivesAProxyThatCutsIt(t *testing.T) {
	const cuts = 200
	var asked []uint64
	s := endsWith(&asked, 0, func(context.Context) error {
		time.Sleep(1500 * time.Millisecond)
		return status.Error(codes.Internal, "stream terminated by RST_STREAM")
	})
	cut := s.onSubscribe
	s.onSubscribe = func(r *umadbv1.SubscribeRequest, stream subscribing) error {
		if len(asked) == cuts {
			return stream.Send(&umadbv1.SubscribeResponse{Events: sequenced(r.GetAfter()+1, 1)})
		}
		return cut(r, stream)
	}
	inBubble(t, s, func(t *testing.T, c *client.Client) {
		for event, err := range c.Subscribe(t.Context(), dcb.Query{}, 7) {
			if err != nil || event.Position != 8 {
				t.Errorf("after %d cuts: %v, %v", len(asked), event, err)
			}
			break
		}
		if len(asked) != cuts {
			t.Errorf("it ended after %d cuts", len(asked))
		}
	})
}

func TestASubscriptionWaitsAMinuteForItsServer(t *testing.T) {
	for _, code := range transportCodes {
		t.Run(code.String(), func(t *testing.T) {
			var asked []uint64
			s := endsWith(&asked, 1, func(context.Context) error { return status.Error(code, "gone") })
			first := s.onSubscribe
			s.onSubscribe = func(r *umadbv1.SubscribeRequest, stream subscribing) error {
				if len(asked) > 0 {
					return status.Error(code, "still gone")
				}
				return first(r, stream)
			}
			inBubble(t, s, func(t *testing.T, c *client.Client) {
				begun := time.Now()
				var got error
				for _, err := range c.Subscribe(t.Context(), dcb.Query{}, 0) {
					got = err
				}
				if waited := time.Since(begun); !errors.Is(got, dcb.ErrTransport) || waited < 50*time.Second || waited > time.Minute {
					t.Errorf("after %v it ended with %v", waited, got)
				}
			})
		})
	}
}

func TestASubscriptionThatIsWaitingEndsWithItsContext(t *testing.T) {
	var asked []uint64
	s := endsWith(&asked, 1, func(context.Context) error { return nil })
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
