package client_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// allowed is the number of calls that most proxies and some servers allow on a connection.
const allowed = 100

// newWaitingServer returns a server whose subscriptions send an event and do not end.
func newWaitingServer() *scripted {
	return &scripted{
		onAppend: func(context.Context, *umadbv1.AppendRequest) (uint64, error) { return 7, nil },
		onHead:   func(context.Context) (*uint64, error) { return new(uint64(7)), nil },
		onSubscribe: func(_ *umadbv1.SubscribeRequest, stream subscribing) error {
			err := stream.Send(&umadbv1.SubscribeResponse{Events: sequenced(1, 1)})
			<-stream.Context().Done()
			return err
		},
	}
}

// subscribe opens subscriptions and waits for the first event of each.
func subscribe(t *testing.T, c *client.Client, count int) []*client.Messages {
	t.Helper()
	var all []*client.Messages
	for n := range count {
		m := c.SubscribeMessages(t.Context(), nil, true)
		t.Cleanup(m.Close)
		if _, err := m.Next(); err != nil {
			t.Fatalf("subscription %d: %v", n+1, err)
		}
		all = append(all, m)
	}
	return all
}

func TestManySubscriptionsDoNotBlockCalls(t *testing.T) {
	const count = 1100
	s := newWaitingServer()
	s.start(t, "127.0.0.1:0", grpc.MaxConcurrentStreams(allowed))
	c := dial(t, s.url, nil)
	all := subscribe(t, c, count)
	if position, err := c.Append(within(t, patience), []dcb.Event{{Type: "a"}}, nil, nil); err != nil || position != 7 {
		t.Errorf("append: %d, %v", position, err)
	}
	if _, err := c.Head(within(t, patience)); err != nil {
		t.Errorf("head: %v", err)
	}
	const want = (count + client.ConnStreams - 1) / client.ConnStreams
	if made := c.Connections(); made != want {
		t.Errorf("%d connections, want %d", made, want)
	}
	for _, m := range all {
		m.Close()
	}
	if subscribe(t, c, count); c.Connections() != want {
		t.Errorf("%d connections after the same number of subscriptions again", c.Connections())
	}
}

func TestFewStreamsUseOneConnection(t *testing.T) {
	s := newWaitingServer()
	c := s.connect(t)
	subscribe(t, c, client.ConnStreams)
	if made := c.Connections(); made != 1 {
		t.Errorf("%d connections", made)
	}
}

// wantNotStarted opens a subscription that cannot start, and checks its error.
func wantNotStarted(t *testing.T, c *client.Client, why ...string) {
	t.Helper()
	started := time.Now()
	m := c.SubscribeMessages(t.Context(), nil, true)
	defer m.Close()
	_, err := m.Next()
	if !errors.Is(err, dcb.ErrTransport) {
		t.Fatalf("it ends with %v", err)
	}
	for _, part := range why {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not contain %q", err, part)
		}
	}
	if waited := time.Since(started); waited > 6*time.Second {
		t.Errorf("it waited for %v", waited)
	}
}

func TestStreamThatServerDoesNotAcceptFails(t *testing.T) {
	inBubble(t, newWaitingServer(), func(t *testing.T, c *client.Client) {
		all := subscribe(t, c, 3)
		wantNotStarted(t, c, "within 5s", "4 reads and subscriptions of this client are in progress", "the server accepts no more calls")
		all[0].Close()
		subscribe(t, c, 1)
		c.Close()
	}, grpc.MaxConcurrentStreams(3))
}

func TestStreamsAreBounded(t *testing.T) {
	inBubble(t, newWaitingServer(), func(t *testing.T, c *client.Client) {
		all := subscribe(t, c, client.MaxStreams)
		wantNotStarted(t, c, "within 5s", "4096 reads and subscriptions of this client are in progress", "that is the maximum")
		if _, err := c.Append(t.Context(), []dcb.Event{{Type: "a"}}, nil, nil); err != nil {
			t.Error(err)
		}
		all[0].Close()
		subscribe(t, c, 1)
		c.Close()
	})
}

// opened counts the connections of a server.
type opened struct{ count atomic.Int64 }

func (*opened) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (*opened) HandleRPC(context.Context, stats.RPCStats)                         {}
func (*opened) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (o *opened) HandleConn(_ context.Context, s stats.ConnStats) {
	switch s.(type) {
	case *stats.ConnBegin:
		o.count.Add(1)
	case *stats.ConnEnd:
		o.count.Add(-1)
	}
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	conns := new(opened)
	inBubble(t, newWaitingServer(), func(t *testing.T, c *client.Client) {
		all := subscribe(t, c, 3*client.ConnStreams)
		if n := conns.count.Load(); n != 3 {
			t.Errorf("%d connections with %d streams", n, len(all))
		}
		for _, m := range all[1:] {
			m.Close()
		}
		time.Sleep(3 * client.ConnIdle)
		synctest.Wait()
		if n := conns.count.Load(); n != 1 {
			t.Errorf("%d connections with one stream", n)
		}
		subscribe(t, c, client.ConnStreams)
		if n := conns.count.Load(); n != 2 {
			t.Errorf("%d connections after more streams were opened", n)
		}
		c.Close()
	}, grpc.StatsHandler(conns))
}
