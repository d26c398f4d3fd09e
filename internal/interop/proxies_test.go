package interop_test

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/umadb-go/umadb"
	"github.com/umadb-go/umadb/dcb"
)

// patience bounds what a test waits for behind a proxy.
const patience = 30 * time.Second

// restartable is our server, which can be started again over the same store and at
// the same address. It has a key and no TLS, as behind a proxy.
type restartable struct {
	*running
	program string
	flags   []string
}

func startBehindProxy(t *testing.T) *restartable {
	t.Helper()
	program, err := ours()
	if err != nil {
		t.Fatal(err)
	}
	s, flags := prepare(t, channel{"plain", false})
	address := freeAddress(t)
	s.url += address
	s.apiKey = "umadb:example-api-key-4f7c2b1d9e5f4a038c1a"
	r := &restartable{s, program, append(flags, "--api-key", s.apiKey, "--listen", address)}
	r.again(t)
	return r
}

// again starts the server.
func (r *restartable) again(t *testing.T) {
	t.Helper()
	r.process = exec.Command(r.program, r.flags...)
	r.start(t)
	await(t, strings.TrimPrefix(r.url, "http://"))
}

// end ends the server by a signal.
func (r *restartable) end(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := r.process.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	r.process.Wait()
}

// received is what a subscription has given: the position of an event, or an error
// with the position 0.
type received struct {
	position uint64
	err      error
}

// follow subscribes to everything, and sends what comes, the end too.
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

// wantNext wants a position to be the next that comes.
func wantNext(t *testing.T, all <-chan received, position uint64) {
	t.Helper()
	select {
	case got, more := <-all:
		if !more || got.err != nil || got.position != position {
			t.Fatalf("where position %d should come, %+v came, or the end: %v", position, got, !more)
		}
	case <-time.After(patience):
		t.Fatalf("position %d does not come", position)
	}
}

// appendWhenItAnswers appends an event, as soon as the server behind the proxy answers.
func appendWhenItAnswers(t *testing.T, store dcb.EventStore) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		_, err := store.Head(t.Context())
		if err == nil {
			break
		}
		if !errors.Is(err, dcb.ErrTransport) || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	if _, err := store.Append(t.Context(), []dcb.Event{{Type: "Happened"}}, nil, nil); err != nil {
		t.Fatal(err)
	}
}

// A server behind a proxy, configured as the page says, is as good as one without.
func TestBehindProxies(t *testing.T) {
	for _, p := range proxies {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			server := startBehindProxy(t)
			front := p.start(t, server.running)
			store := dial(t, front)
			all := follow(t.Context(), store)
			if _, err := store.Append(t.Context(), []dcb.Event{{Type: "Large", Data: make([]byte, 3<<20)}}, nil, nil); err != nil {
				t.Errorf("a large append: %v", err)
			}
			wantNext(t, all, 1)

			_, err := store.Append(t.Context(), []dcb.Event{{Type: "Large"}}, new(dcb.AppendCondition), nil)
			if e, ok := errors.AsType[*dcb.Error](err); !ok || !errors.Is(err, dcb.ErrIntegrity) || e.ConflictPosition != 1 {
				t.Errorf("a conflict: %v", err)
			}
			other := *front
			other.apiKey = "wrong"
			if _, err := dial(t, &other).Head(t.Context()); !errors.Is(err, dcb.ErrAuthentication) {
				t.Errorf("a wrong key: %v", err)
			}

			position := uint64(1)
			for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
				server.end(t, signal)
				server.again(t)
				appendWhenItAnswers(t, store)
				position++
				wantNext(t, all, position)
			}
		})
	}
}

// A proxy that cuts idle streams costs a subscription nothing.
func TestProxiesThatCutIdleSubscriptions(t *testing.T) {
	for i, changes := range [][]string{
		{"grpc_read_timeout 1h", "grpc_read_timeout 1s"},
		{"timeout client 1h", "timeout client 1s", "timeout server 1h", "timeout server 1s"},
	} {
		p := proxies[i]
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			front := p.start(t, startBehindProxy(t).running, changes...)
			store := dial(t, front)
			all := follow(t.Context(), store)
			appendWhenItAnswers(t, store)
			wantNext(t, all, 1)
			cut := uncut(t, front)
			for range 3 {
				for _, err := range cut.Subscribe(t.Context(), dcb.Query{}, 1) {
					if !errors.Is(err, dcb.ErrTransport) {
						t.Fatalf("an idle subscription that does not resume ends with %v", err)
					}
				}
			}
			for position := uint64(2); position < 20; position++ {
				appendWhenItAnswers(t, store)
				wantNext(t, all, position)
			}
		})
	}
}

// uncut connects a client that does not resume.
func uncut(t *testing.T, server *running) dcb.EventStore {
	t.Helper()
	store, err := umadb.Dial(server.url, &umadb.DialOptions{CAFile: server.ca, APIKey: server.apiKey, NoResume: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// An idle subscription that cannot resume outlives the read timeout of nginx, for the
// server pings before.
func TestPingsKeepAnIdleSubscriptionBehindNginx(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes 32 s")
	}
	t.Parallel()
	front := proxies[0].start(t, startBehindProxy(t).running, "grpc_read_timeout 1h", "grpc_read_timeout 25s")
	ctx, cancel := context.WithTimeout(t.Context(), 32*time.Second)
	defer cancel()
	for _, err := range uncut(t, front).Subscribe(ctx, dcb.Query{}, 0) {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it ends with %v", err)
		}
	}
	if ctx.Err() == nil {
		t.Error("it ends too early")
	}
}

func TestARequestThatNginxRefusesForItsSize(t *testing.T) {
	t.Parallel()
	front := proxies[0].start(t, startBehindProxy(t).running, "client_max_body_size 0", "client_max_body_size 1m")
	store := dial(t, front)
	_, err := store.Append(t.Context(), []dcb.Event{{Type: "Large", Data: make([]byte, 3<<20)}}, nil, nil)
	if !errors.Is(err, dcb.ErrTransport) || err.Error() != "transport error: the proxy refuses a request of this size (HTTP 413); nothing was appended" {
		t.Errorf("it fails with %v", err)
	}
	if head, err := store.Head(t.Context()); err != nil || head != 0 {
		t.Errorf("the head is %d, %v", head, err)
	}
}
