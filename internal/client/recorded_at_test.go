package client_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// wants returns what a call asks for besides.
func wants(ctx context.Context) string {
	md, _ := metadata.FromIncomingContext(ctx)
	return strings.Join(md.Get("umadb-with"), ",")
}

// Reads and subscriptions ask for recorded times, and no other call does. A server that does not
// keep them sends events without.
func TestRecordedTimesOfEvents(t *testing.T) {
	for _, keeps := range []bool{true, false} {
		var recorded []int64
		if keeps {
			recorded = times(1, 2)
		}
		head := "none"
		c := (&scripted{
			onHead: func(ctx context.Context) (*uint64, error) { head = wants(ctx); return nil, nil },
			onRead: func(_ *umadbv1.ReadRequest, stream grpc.ServerStreamingServer[umadbv1.ReadResponse]) error {
				if got := wants(stream.Context()); got != "recorded-at" {
					t.Errorf("a read asks for %q", got)
				}
				return stream.Send(&umadbv1.ReadResponse{Events: sequenced(1, 2), Head: new(uint64(2)), RecordedAt: recorded})
			},
			onSubscribe: func(_ *umadbv1.SubscribeRequest, stream subscribing) error {
				if got := wants(stream.Context()); got != "recorded-at" {
					t.Errorf("a subscription asks for %q", got)
				}
				return stream.Send(&umadbv1.SubscribeResponse{Events: sequenced(1, 2), RecordedAt: recorded})
			},
		}).connect(t)
		check := func(event dcb.SequencedEvent) {
			t.Helper()
			want := time.Time{}
			if keeps {
				want = recordedAt(event.Position)
			}
			if event.RecordedAt != want {
				t.Errorf("the event at %d was recorded at %v, want %v", event.Position, event.RecordedAt, want)
			}
		}
		for range 2 { // the headers repeat
			events, _, err := c.Read(within(t, patience), dcb.Query{}, dcb.ReadOptions{}).Collect()
			if err != nil || len(events) != 2 {
				t.Fatal(events, err)
			}
			check(events[0])
			check(events[1])
			var positions []uint64
			for event, err := range c.Subscribe(within(t, patience), dcb.Query{}, 0) {
				if err != nil {
					t.Fatal(err)
				}
				check(event)
				if positions = append(positions, event.Position); len(positions) == 2 {
					break
				}
			}
			if !slices.Equal(positions, []uint64{1, 2}) {
				t.Errorf("a subscription has the positions %v", positions)
			}
			if _, err := c.Head(within(t, patience)); err != nil || head != "" {
				t.Errorf("a head asks for %q (%v)", head, err)
			}
		}
	}
}

func TestPositionAtSendsNanoseconds(t *testing.T) {
	var got int64
	c := (&scripted{onPosition: func(_ context.Context, at int64) (*uint64, error) {
		if got = at; at < 0 {
			return nil, nil
		}
		return new(uint64(3)), nil
	}}).connect(t)
	for _, row := range []struct {
		t    time.Time
		want int64
	}{
		{time.Unix(12, 34), 12_000_000_034},
		{time.Unix(0, 0), 0},
		{time.Unix(0, -1), -1},
		{time.Time{}, math.MinInt64},
		{time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), math.MaxInt64},
	} {
		position, err := c.PositionAt(within(t, patience), row.t)
		if err != nil || got != row.want || (position == 3) != (row.want >= 0) {
			t.Errorf("%v is sent as %d, want %d; the position is %d (%v)", row.t, got, row.want, position, err)
		}
	}
}

func TestServerWithoutRecordedTimes(t *testing.T) {
	_, err := (&scripted{}).connect(t).PositionAt(within(t, patience), time.Now())
	if !errors.Is(err, dcb.ErrTransport) || !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "does not keep recorded times") {
		t.Errorf("the error is %v", err)
	}
}

// Of several servers, one that keeps recorded times answers. The others are not avoided.
func TestPositionAtOfSeveralServers(t *testing.T) {
	g := newGroup(3)
	for i, s := range g.servers[1:] {
		s.onPosition = func(context.Context, int64) (*uint64, error) { g.note(1 + i); return new(uint64(9)), nil }
	}
	g.inBubble(t, func(t *testing.T, c *client.Client) {
		for range 6 {
			if position, err := c.PositionAt(t.Context(), time.Now()); err != nil || position != 9 {
				t.Errorf("the position is %d, %v", position, err)
			}
		}
		if c.Seen() != 9 {
			t.Errorf("the client has seen %d", c.Seen())
		}
		g.called()
		g.wantTurns(t, c, "abc")
		for _, s := range g.servers {
			s.onPosition = nil
		}
		if _, err := c.PositionAt(t.Context(), time.Now()); !errors.Is(err, errors.ErrUnsupported) || strings.Count(err.Error(), "does not keep recorded times") != 3 {
			t.Errorf("if no server keeps them, the error is %v", err)
		}
	})
}
