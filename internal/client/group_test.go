package client_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"github.com/umadb-go/umadb/internal/client"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// group is several scripted servers in memory. The addresses are a:1, b:1 and so on.
type group struct {
	servers   []*scripted
	addresses []string

	mu        sync.Mutex
	listeners []*bufconn.Listener // nil for a server that is down
	calls     []string            // names of the servers that were called, in order
}

// newGroup returns servers that are not started.
func newGroup(count int) *group {
	g := &group{listeners: make([]*bufconn.Listener, count)}
	for i := range count {
		s := &scripted{
			onHead:   func(context.Context) (*uint64, error) { g.note(i); return new(uint64(7)), nil },
			onAppend: func(context.Context, *umadbv1.AppendRequest) (uint64, error) { g.note(i); return 7, nil },
			onTracking: func(context.Context, string) (*uint64, error) {
				g.note(i)
				return new(uint64(100)), nil
			},
			onRead: func(_ *umadbv1.ReadRequest, stream grpc.ServerStreamingServer[umadbv1.ReadResponse]) error {
				g.note(i)
				return stream.Send(&umadbv1.ReadResponse{Events: sequenced(1, 7), Head: new(uint64(7))})
			},
		}
		g.servers = append(g.servers, s)
		g.addresses = append(g.addresses, name(i)+":1")
	}
	return g
}

func name(i int) string { return string(rune('a' + i)) }

// note records that a server was called.
func (g *group) note(i int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls = append(g.calls, name(i))
}

// called returns the names of the servers that were called since the last time.
func (g *group) called() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	calls := strings.Join(g.calls, "")
	g.calls = nil
	return calls
}

// start starts a server.
func (g *group) start(i int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	listener := bufconn.Listen(1 << 20)
	g.listeners[i] = listener
	server := grpc.NewServer()
	g.servers[i].grpc = server
	umadbv1.RegisterDCBServer(server, g.servers[i])
	go server.Serve(listener)
}

// stop stops a server at once.
func (g *group) stop(i int) {
	g.mu.Lock()
	running := g.listeners[i] != nil
	g.listeners[i] = nil
	g.mu.Unlock()
	if running {
		g.servers[i].grpc.Stop()
	}
}

func (g *group) dial(ctx context.Context, address string) (net.Conn, error) {
	g.mu.Lock()
	listener := g.listeners[slices.Index(g.addresses, address)]
	g.mu.Unlock()
	if listener == nil {
		return nil, errors.New("connection refused")
	}
	return listener.DialContext(ctx)
}

// inBubble runs a test with a client of all servers, and a fake clock.
func (g *group) inBubble(t *testing.T, test func(*testing.T, *client.Client)) {
	synctest.Test(t, func(t *testing.T) {
		for i := range g.servers {
			g.start(i)
			defer g.stop(i)
		}
		c, err := client.NewOver(g.dial, g.addresses...)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		test(t, c)
	})
}

// heads calls Head several times and returns the names of the servers that answered.
func (g *group) heads(t *testing.T, c *client.Client, count int) string {
	t.Helper()
	g.called()
	for range count {
		if _, err := c.Head(t.Context()); err != nil {
			t.Errorf("head: %v", err)
		}
	}
	return g.called()
}

// wantTurns checks that calls take turns between the named servers.
func (g *group) wantTurns(t *testing.T, c *client.Client, names string) {
	t.Helper()
	calls := g.heads(t, c, 4*len(names)) // some servers may be skipped
	for _, name := range "abc" {
		if n := strings.Count(calls, string(name)); (n > 0) != strings.ContainsRune(names, name) {
			t.Errorf("calls went to %s, want only %s", calls, names)
			return
		}
	}
}
