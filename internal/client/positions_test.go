package client_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// minPositions returns what the metadata of a call says.
func minPositions(ctx context.Context) string {
	md, _ := metadata.FromIncomingContext(ctx)
	return strings.Join(md.Get("umadb-min-position"), ",")
}

func TestClientSendsTheHighestPositionSeen(t *testing.T) {
	g := newGroup(2)
	var got []string
	trailer := ""
	note := func(ctx context.Context) {
		got = append(got, minPositions(ctx))
		if trailer != "" {
			grpc.SetTrailer(ctx, metadata.Pairs("umadb-position", trailer))
		}
	}
	position, fails := uint64(0), error(nil)
	for _, s := range g.servers {
		s.onHead = func(ctx context.Context) (*uint64, error) { note(ctx); return &position, nil }
		s.onTracking = func(ctx context.Context, _ string) (*uint64, error) { note(ctx); return &position, nil }
		s.onAppend = func(ctx context.Context, _ *umadbv1.AppendRequest) (uint64, error) {
			note(ctx)
			return position, withDetails(ctx, fails)
		}
		s.onRead = func(_ *umadbv1.ReadRequest, stream grpc.ServerStreamingServer[umadbv1.ReadResponse]) error {
			note(stream.Context())
			return stream.Send(&umadbv1.ReadResponse{Events: sequenced(position-2, 3)})
		}
		s.onSubscribe = func(_ *umadbv1.SubscribeRequest, stream subscribing) error {
			note(stream.Context())
			err := stream.Send(&umadbv1.SubscribeResponse{Events: sequenced(position, 1)})
			<-stream.Context().Done()
			return err
		}
	}
	g.inBubble(t, func(t *testing.T, c *client.Client) {
		seen := func(want uint64, call string, err error) {
			t.Helper()
			if err != nil || c.Seen() != want {
				t.Errorf("after %s it has seen %d, want %d (%v)", call, c.Seen(), want, err)
			}
		}
		_, err := c.Head(t.Context())
		seen(0, "an empty store", err)
		position = 5
		_, err = c.Head(t.Context())
		seen(5, "a head", err)
		position = 9
		_, _, err = c.GetTrackingInfo(t.Context(), "s")
		seen(5, "an upstream position", err)
		_, err = c.Append(t.Context(), event, nil, nil)
		seen(9, "an append", err)
		position = 8
		_, err = c.Head(t.Context())
		seen(9, "an earlier head", err)
		position = 12
		_, _, err = c.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect()
		seen(12, "a read", err)
		position = 15
		for _, err := range c.Subscribe(t.Context(), dcb.Query{}, 0) {
			seen(15, "an event of a subscription", err)
			break
		}
		trailer = "20"
		_, _, err = c.GetTrackingInfo(t.Context(), "s")
		seen(20, "a trailer", err)
		trailer, fails = "25", errConflict
		_, err = c.Append(t.Context(), event, nil, nil)
		if !errors.Is(err, dcb.ErrIntegrity) || c.Seen() != 25 {
			t.Errorf("after the trailer of an error it has seen %d (%v)", c.Seen(), err)
		}
		trailer, fails = "no number", conflictAt(30)
		_, err = c.Append(t.Context(), event, nil, nil)
		if !errors.Is(err, dcb.ErrIntegrity) || c.Seen() != 30 {
			t.Errorf("after a conflict it has seen %d (%v)", c.Seen(), err)
		}
		if sent := strings.Join(got, " "); sent != "0 0 5 5 9 9 12 15 20 25" {
			t.Errorf("it has sent %s", sent)
		}
	})
}

// A client of one server sends nothing that it did not send before.
func TestClientOfOneServerSendsNoPosition(t *testing.T) {
	s := &scripted{onHead: func(ctx context.Context) (*uint64, error) {
		if sent := minPositions(ctx); sent != "" {
			t.Errorf("it has sent %s", sent)
		}
		return new(uint64(7)), nil
	}}
	c := s.connect(t)
	for range 2 {
		if _, err := c.Head(within(t, patience)); err != nil {
			t.Error(err)
		}
	}
}
