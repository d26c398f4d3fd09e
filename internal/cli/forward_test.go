package cli_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/grpcclient"
	"github.com/umadb-go/umadb/internal/peer"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/servertest"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/wire"
)

func TestAppendsAreForwarded(t *testing.T) {
	e := newForwardingEngine(t)
	a, b := e.forwarding(t, server.Options{}), e.forwarding(t, server.Options{})
	a.append(1)
	await(t, "b has the event", func() bool { return b.LastPosition() == 1 })
	for position := uint64(2); position <= 5; position++ {
		b.append(position)
	}
	e.wantWriters(t, map[*forwardingNode]int{a: 5, b: 0})
	b.wantMetrics(server.ForwardMetrics{OK: 4})

	// What b has decides without a, and a check is not forwarded.
	if position, failed := b.call(t.Context(), "", []dcb.Event{numberedEvent(3)}, unlessAfter(2)); position != 3 || failed != nil {
		t.Errorf("an append that is there: %d, %v", position, failed)
	}
	if _, failed := b.call(t.Context(), "", []dcb.Event{numberedEvent(9)}, unlessAfter(2)); failed == nil || failed.Code != codes.FailedPrecondition {
		t.Errorf("a condition that fails: %v", failed)
	}
	if _, failed := b.call(t.Context(), "", nil, unlessAfter(5)); failed != nil {
		t.Errorf("a check: %v", failed)
	}
	b.wantMetrics(server.ForwardMetrics{OK: 4})
}

// A condition that only the other server knows to fail is answered as it answers.
func TestRejectionOfAForwardedAppend(t *testing.T) {
	e := newForwardingEngine(t)
	a, b := e.forwarding(t, server.Options{}), e.forwarding(t, server.Options{})
	a.append(1)
	undecided := &undecidedStore{b}
	f := peer.New(peer.Options{Store: undecided, Logger: slog.New(slog.DiscardHandler), Connect: func(url string) (*grpcclient.Conn, error) {
		return client.NewPeerConn(url, &client.Options{})
	}})
	defer f.Close()
	b.prefer(a.url)
	encoded := record.EncodeAppend([]dcb.Event{numberedEvent(9)}, unlessAfter(0), nil)
	request, err := record.ParseAppend(encoded, b.Limits())
	if err != nil {
		t.Fatal(err)
	}
	_, done, err := f.Forward(t.Context(), request, encoded, "")
	refused, ok := errors.AsType[*dcb.Error](err)
	if !done || !ok || refused.Kind != dcb.ErrIntegrity || refused.ConflictPosition != 1 {
		t.Errorf("%v, %v", done, err)
	}
}

// An append that was not forwarded, and is lost against another server, is forwarded to that one.
func TestAppendIsForwardedWhenItIsLost(t *testing.T) {
	e := newForwardingEngine(t)
	a, b := e.forwarding(t, server.Options{}), e.forwarding(t, server.Options{})
	b.log.SetDown(true)
	appended := make(chan uint64)
	go func() {
		position, failed := b.call(t.Context(), "", []dcb.Event{numberedEvent(2)}, nil)
		if failed != nil {
			t.Error(failed)
		}
		appended <- position
	}()
	await(t, "b handles the append", func() bool { return b.server.Metrics().AppendsInProgress == 1 })
	a.append(1)
	b.log.SetDown(false)
	if position := <-appended; position != 2 {
		t.Errorf("the append is at %d", position)
	}
	e.wantWriters(t, map[*forwardingNode]int{a: 2, b: 0})
	b.wantMetrics(server.ForwardMetrics{OK: 1})
}

// undecidedStore decides nothing itself.
type undecidedStore struct{ *forwardingNode }

func (undecidedStore) Decide(context.Context, *record.AppendRequest) (uint64, bool, error) {
	return 0, false, nil
}

// Wherever a hint leads, the append is in the log once.
func TestWrongHints(t *testing.T) {
	closed := servertest.Address(t)
	for name, c := range map[string]struct {
		prefer  func(t *testing.T, e *fakeEngine, b *forwardingNode) string
		metrics server.ForwardMetrics
	}{
		"no server is there": {func(*testing.T, *fakeEngine, *forwardingNode) string { return "http://" + closed },
			server.ForwardMetrics{Refused: 1}},
		"no URL": {func(*testing.T, *fakeEngine, *forwardingNode) string { return "somewhere" },
			server.ForwardMetrics{}},
		"a server that does not answer": {func(t *testing.T, _ *fakeEngine, _ *forwardingNode) string {
			return newProxy(t, "", func(net.Conn, net.Conn) { <-t.Context().Done() })
		}, server.ForwardMetrics{Refused: 1}},
		"this server itself": {func(_ *testing.T, _ *fakeEngine, b *forwardingNode) string { return b.url },
			server.ForwardMetrics{OK: 1}},
		"this server under another name": {func(_ *testing.T, _ *fakeEngine, b *forwardingNode) string {
			return strings.Replace(b.url, "127.0.0.1", "localhost", 1)
		}, server.ForwardMetrics{OK: 1}},
		"a ring": {func(t *testing.T, e *fakeEngine, b *forwardingNode) string {
			a := e.forwarding(t, server.Options{})
			a.prefer(b.url)
			return a.url
		}, server.ForwardMetrics{OK: 1}},
		"a server of a store of its own": {func(t *testing.T, _ *fakeEngine, _ *forwardingNode) string {
			other, err := store.Open(t.TempDir(), nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if head, err := other.Head(context.Background()); head != 0 || err != nil {
					t.Errorf("the other store has the head %d, %v", head, err)
				}
				other.Close()
			})
			return serveOther(t, other)
		}, server.ForwardMetrics{Refused: 1}},
		"a server of another log": {func(t *testing.T, _ *fakeEngine, _ *forwardingNode) string {
			e := newFakeEngine()
			if _, err := e.Connect().Create(t.Context(), sharedlog.Origin{Log: sharedlog.ID{9}, Store: sharedlog.ID{2}}); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if _, records := e.History(); len(records) > 0 {
					t.Errorf("the other log has %d records", len(records))
				}
			})
			return e.forwarding(t, server.Options{}).url
		}, server.ForwardMetrics{Refused: 1}},
		"a server that has stopped": {func(t *testing.T, e *fakeEngine, _ *forwardingNode) string {
			a := e.forwarding(t, server.Options{})
			a.stop()
			return a.url
		}, server.ForwardMetrics{Refused: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			e := newForwardingEngine(t)
			b := e.forwarding(t, server.Options{})
			b.prefer(c.prefer(t, e, b))
			since := time.Now()
			b.append(1)
			if took := time.Since(since); took > muchLess {
				t.Errorf("it took %v", took)
			}
			b.wantMetrics(c.metrics)
			if c.metrics.OK == 0 { // the server is avoided
				b.append(2)
				b.wantMetrics(c.metrics)
			}
		})
	}
}

// serveOther serves a store that does not forward.
func serveOther(t *testing.T, s *store.Store) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv, err := server.New(s, server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	t.Cleanup(func() {
		if err := errors.Join(srv.Shutdown(context.Background()), <-served); err != nil {
			t.Error(err)
		}
	})
	return "http://" + listener.Addr().String()
}

// A client that cancels ends the call to the other server.
func TestCancelledAppendIsCancelledAtTheOtherServer(t *testing.T) {
	e := newForwardingEngine(t)
	a, b := e.forwarding(t, server.Options{}), e.forwarding(t, server.Options{})
	b.prefer(a.url)
	e.SetDown(true)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan *grpcclient.Error)
	go func() {
		_, failed := b.call(ctx, "", []dcb.Event{numberedEvent(1)}, nil)
		ended <- failed
	}()
	progress := func(n *forwardingNode) int64 { return n.server.Metrics().AppendsInProgress }
	await(t, "both servers handle the append", func() bool { return progress(a) == 1 && progress(b) == 1 })
	cancel()
	if failed := <-ended; failed == nil || failed.Code != codes.Canceled {
		t.Errorf("the append ended with %v", failed)
	}
	await(t, "no server handles the append", func() bool { return progress(a) == 0 && progress(b) == 0 })
	e.SetDown(false)
}

func TestKeysOfForwardedAppends(t *testing.T) {
	e := newForwardingEngine(t)
	a, b := e.forwarding(t, server.Options{}), e.forwarding(t, server.Options{})
	key := func(secret string, rights server.Rights) server.Key {
		return server.Key{Name: secret, Hash: new(sha256.Sum256([]byte(secret))), Rights: rights}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(a.server.SetKeys([]server.Key{key("both", server.RightAppend), key("reader", server.RightRead)}))
	must(b.server.SetKeys([]server.Key{key("both", server.RightAppend), key("reader", server.RightAppend), key("only-b", server.RightAppend)}))
	b.prefer(a.url)
	for i, c := range []struct {
		key     string
		code    codes.Code
		metrics server.ForwardMetrics
	}{
		{"both", codes.OK, server.ForwardMetrics{OK: 1}},
		{"reader", codes.PermissionDenied, server.ForwardMetrics{OK: 2}},
		{"", codes.Unauthenticated, server.ForwardMetrics{OK: 2}},
		{"only-a", codes.Unauthenticated, server.ForwardMetrics{OK: 2}},
		{"only-b", codes.OK, server.ForwardMetrics{OK: 2, Refused: 1}},
	} {
		_, failed := b.call(t.Context(), c.key, []dcb.Event{numberedEvent(uint64(i))}, nil)
		code := codes.OK
		if failed != nil {
			code = failed.Code
		}
		if code != c.code {
			t.Errorf("key %q: %v", c.key, failed)
		}
		b.wantMetrics(c.metrics)
	}
	e.wantWriters(t, map[*forwardingNode]int{a: 1, b: 1})
	// Clients cannot use the method of the servers without the right to append.
	request := &grpcclient.Request{Method: wire.MethodForwardedAppend, Fields: []hpack.HeaderField{{Name: "authorization", Value: "Bearer reader"}}}
	var failed *grpcclient.Error
	if _, err := a.calls.Call(t.Context(), request, nil); !errors.As(err, &failed) || failed.Code != codes.PermissionDenied {
		t.Errorf("a forwarded append with a key that must not append: %v", err)
	}
}
