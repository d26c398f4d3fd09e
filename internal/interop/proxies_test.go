package interop_test

import (
	"context"
	"errors"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/umadb-go/umadb/client"
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/servertest"
)

// waitTimeout is the maximum time to wait for a server behind a proxy.
const waitTimeout = 30 * time.Second

// restartable is a server that can be restarted with the same store and address. It
// has an API key and no TLS, as behind a proxy.
type restartable struct {
	*testServer
	program string
	flags   []string
}

func startBehindProxy(t *testing.T) *restartable {
	t.Helper()
	program, err := buildServer()
	if err != nil {
		t.Fatal(err)
	}
	s, flags := prepare(t, channel{"plain", false})
	address := servertest.Address(t)
	s.url += address
	s.apiKey = "umadb:example-api-key-4f7c2b1d9e5f4a038c1a"
	r := &restartable{s, program, append(flags, "--api-key", s.apiKey, "--listen", address)}
	r.run(t)
	return r
}

// run starts the server.
func (r *restartable) run(t *testing.T) {
	t.Helper()
	r.start(t, exec.Command(r.program, r.flags...))
}

// end stops the server with a signal.
func (r *restartable) end(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := r.process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	if _, err := r.process.Wait(waitTimeout); err != nil {
		t.Fatal(err)
	}
}

// received is the position of an event of a subscription, or an error and position 0.
type received struct {
	position uint64
	err      error
}

// follow subscribes to all events and sends each, and the error, to a channel that it
// closes when the subscription ends.
func follow(ctx context.Context, store dcb.EventStore) <-chan received {
	all := make(chan received, 100)
	go func() {
		defer close(all)
		for event, err := range store.Subscribe(ctx, dcb.Query{}, 0) {
			all <- received{event.Position, err}
		}
	}()
	return all
}

// wantNext checks that the next event has this position.
func wantNext(t *testing.T, all <-chan received, position uint64) {
	t.Helper()
	select {
	case got, more := <-all:
		if !more || got.err != nil || got.position != position {
			t.Fatalf("want position %d, got %+v, end of the subscription: %v", position, got, !more)
		}
	case <-time.After(waitTimeout):
		t.Fatalf("position %d was not delivered within %v", position, waitTimeout)
	}
}

// appendWhenReady appends the event for a position as soon as the server responds. With its ID and
// a condition, an append can be repeated when the proxy ends it.
func appendWhenReady(t *testing.T, store dcb.EventStore, position uint64) {
	t.Helper()
	for deadline := time.Now().Add(waitTimeout); ; time.Sleep(50 * time.Millisecond) {
		got, err := store.Append(t.Context(), []dcb.Event{numbered(position)}, onlyAfter(position-1), nil)
		switch {
		case err == nil && got == position:
			return
		case !errors.Is(err, dcb.ErrTransport) || time.Now().After(deadline):
			t.Fatalf("the event for position %d is at %d, %v", position, got, err)
		}
	}
}

// TestBehindProxies checks a server behind each proxy as docs/proxies.md configures it.
func TestBehindProxies(t *testing.T) {
	for _, p := range proxies {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			server := startBehindProxy(t)
			front := p.start(t, server.testServer)
			store := dial(t, front)
			all := follow(t.Context(), store)
			if _, err := store.Append(t.Context(), []dcb.Event{{Type: "Large", Data: make([]byte, 3<<20)}}, nil, nil); err != nil {
				t.Errorf("large append: %v", err)
			}
			wantNext(t, all, 1)

			_, err := store.Append(t.Context(), []dcb.Event{{Type: "Large"}}, new(dcb.AppendCondition), nil)
			if e, ok := errors.AsType[*dcb.Error](err); !ok || !errors.Is(err, dcb.ErrIntegrity) || e.ConflictPosition != 1 {
				t.Errorf("conflict: %v", err)
			}
			other := *front
			other.apiKey = "wrong"
			if _, err := dial(t, &other).Head(t.Context()); !errors.Is(err, dcb.ErrAuthentication) {
				t.Errorf("wrong key: %v", err)
			}

			position := uint64(1)
			for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
				server.end(t, signal)
				server.run(t)
				position++
				appendWhenReady(t, store, position)
				wantNext(t, all, position)
			}
		})
	}
}

// TestProxiesThatCloseIdleSubscriptions checks that a subscription survives a proxy
// that closes idle streams.
func TestProxiesThatCloseIdleSubscriptions(t *testing.T) {
	for i, changes := range [][]string{
		{"grpc_read_timeout 1h", "grpc_read_timeout 1s"},
		{"timeout client 1h", "timeout client 1s", "timeout server 1h", "timeout server 1s"},
	} {
		p := proxies[i]
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			front := p.start(t, startBehindProxy(t).testServer, changes...)
			store := dial(t, front)
			all := follow(t.Context(), store)
			appendWhenReady(t, store, 1)
			wantNext(t, all, 1)
			noResume := dialNoResume(t, front)
			for range 3 {
				for _, err := range noResume.Subscribe(t.Context(), dcb.Query{}, 1) {
					if !errors.Is(err, dcb.ErrTransport) {
						t.Fatalf("idle subscription without resuming ended with %v", err)
					}
				}
			}
			for position := uint64(2); position < 20; position++ {
				appendWhenReady(t, store, position)
				wantNext(t, all, position)
			}
		})
	}
}

// dialNoResume returns a client that does not resume subscriptions.
func dialNoResume(t *testing.T, server *testServer) dcb.EventStore {
	t.Helper()
	store, err := client.Dial(server.url, &client.Options{CAFile: server.ca, APIKey: server.apiKey, NoResume: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// TestPingsKeepAnIdleSubscriptionBehindNginx checks that an idle subscription that
// cannot resume outlives the read timeout of nginx, because the server sends pings.
func TestPingsKeepAnIdleSubscriptionBehindNginx(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 32 s")
	}
	t.Parallel()
	front := proxies[0].start(t, startBehindProxy(t).testServer, "grpc_read_timeout 1h", "grpc_read_timeout 25s")
	// Not a deadline: the server would get it too, and could end the call first.
	ctx, cancel := context.WithCancel(t.Context())
	defer time.AfterFunc(32*time.Second, cancel).Stop()
	for _, err := range dialNoResume(t, front).Subscribe(ctx, dcb.Query{}, 0) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the subscription ended with %v", err)
		}
	}
	if ctx.Err() == nil {
		t.Error("the subscription ended too early")
	}
}

func TestRequestTooLargeForNginx(t *testing.T) {
	t.Parallel()
	front := proxies[0].start(t, startBehindProxy(t).testServer, "client_max_body_size 0", "client_max_body_size 1m")
	store := dial(t, front)
	_, err := store.Append(t.Context(), []dcb.Event{{Type: "Large", Data: make([]byte, 3<<20)}}, nil, nil)
	if !errors.Is(err, dcb.ErrTransport) || err.Error() != "transport error: the proxy refuses a request of this size (HTTP 413); nothing was appended" {
		t.Errorf("append failed with %v", err)
	}
	if head, err := store.Head(t.Context()); err != nil || head != 0 {
		t.Errorf("head is %d, %v", head, err)
	}
}
