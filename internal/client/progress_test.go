package client_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// upTo returns a message with the events after one position up to another, and progress.
func upTo(after, last, checked, head uint64) *umadbv1.SubscribeResponse {
	return &umadbv1.SubscribeResponse{Events: sequenced(after+1, last-after), Checked: &checked, Head: &head}
}

// follow subscribes and returns what the caller sees, in order: events by position, and progress as
// checked/head. It ends when the progress has the last one as checked.
func follow(t *testing.T, store dcb.EventStore, last uint64) (seen []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(within(t, patience))
	defer cancel()
	options := dcb.SubscribeOptions{OnProgress: func(p dcb.Progress) {
		seen = append(seen, fmt.Sprintf("%d/%d", p.Checked, p.Head))
		if p.Checked == last {
			cancel()
		}
	}}
	for event, err := range store.Subscribe(ctx, dcb.Query{}, 0, options) {
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, fmt.Sprint(event.Position))
	}
	return seen
}

func wantSeen(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("seen %v, want %v", got, want)
	}
}

// Progress is reported after the events of its message were handled. A subscription resumes after
// what was checked; the progress does not decrease, and what does not change is not reported again.
func TestSubscriptionResumesAfterProgress(t *testing.T) {
	var afters []uint64
	answers := map[int][]*umadbv1.SubscribeResponse{
		1: {upTo(0, 2, 5, 9), upTo(9, 9, 9, 9)},
		2: {upTo(9, 9, 9, 9), upTo(9, 9, 20, 20)},
		3: {upTo(20, 20, 20, 15), upTo(20, 21, 21, 21), upTo(29, 29, 30, 30)}, // a server that lags
	}
	s := &scripted{onSubscribe: func(r *umadbv1.SubscribeRequest, stream subscribing) error {
		if got := wants(stream.Context()); got != "recorded-at,progress" {
			t.Errorf("a subscription asks for %q", got)
		}
		afters = append(afters, r.GetAfter())
		for _, answer := range answers[len(afters)] {
			if err := stream.Send(answer); err != nil {
				return err
			}
		}
		return status.Error(codes.Unavailable, "gone")
	}}
	c := s.connect(t)
	wantSeen(t, follow(t, c, 30), "1", "2", "5/9", "9/9", "20/20", "21", "21/21", "30/30")
	if !slices.Equal(afters, []uint64{0, 9, 20}) {
		t.Errorf("subscribed after %v", afters)
	}
}

// A server of another implementation reports nothing, and a subscription that does not want to
// know does not ask.
func TestSubscriptionWithoutProgress(t *testing.T) {
	var asked []string
	c := (&scripted{onSubscribe: func(_ *umadbv1.SubscribeRequest, stream grpc.ServerStreamingServer[umadbv1.SubscribeResponse]) error {
		asked = append(asked, wants(stream.Context()))
		return stream.Send(&umadbv1.SubscribeResponse{Events: sequenced(1, 2)})
	}}).connect(t)
	for _, options := range [][]dcb.SubscribeOptions{nil, {{}}, {{OnProgress: func(p dcb.Progress) { t.Errorf("%v is reported", p) }}}} {
		count := 0
		for event, err := range c.Subscribe(within(t, patience), dcb.Query{}, 0, options...) {
			if count++; err != nil || event.Position != uint64(count) {
				t.Fatal(event, err)
			}
			if count == 2 {
				break
			}
		}
	}
	wantSeen(t, asked, "recorded-at", "recorded-at", "recorded-at,progress")
}
