package cli_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http2/hpack"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/grpcclient"
	"github.com/umadb-go/umadb/internal/peer"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/wire"
)

// forwardingNode is a server of a shared log that forwards appends.
type forwardingNode struct {
	*store.Store
	log       *fakelog.Client
	t         *testing.T
	url       string
	server    *server.Server
	forwarder *peer.Forwarder
	calls     *grpcclient.Conn
	stop      func()
	// preferred replaces the preferred writer, unless it is nil.
	preferred atomic.Pointer[string]
}

// PreferredWriter implements peer.Store.
func (n *forwardingNode) PreferredWriter() string {
	if url := n.preferred.Load(); url != nil {
		return *url
	}
	return n.Store.PreferredWriter()
}

func (n *forwardingNode) prefer(url string) { n.preferred.Store(&url) }

// forwarding starts a server of the shared log. It reads locally, so that a client sees what it has
// appended only if this server has it.
func (e *fakeEngine) forwarding(t *testing.T, options server.Options) *forwardingNode {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &forwardingNode{t: t, url: "http://" + listener.Addr().String(), log: e.Connect()}
	n.Store, err = store.OpenShared(t.Context(), t.TempDir(), nil, store.Shared{Log: n.log, Address: n.url, LocalReads: true})
	if err != nil {
		t.Fatal(err)
	}
	n.forwarder = peer.New(peer.Options{
		Store: n, Logger: slog.New(slog.DiscardHandler),
		Connect: func(url string) (*grpcclient.Conn, error) { return client.NewPeerConn(url, &client.Options{}) },
	})
	options.SharedLog, options.Forwarder = n.SharedLog(), n.forwarder
	if n.server, err = server.New(n.Store, options); err != nil {
		t.Fatal(err)
	}
	if n.calls, err = client.NewPeerConn(n.url, &client.Options{}); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- n.server.Serve(listener) }()
	n.stop = sync.OnceFunc(func() {
		n.calls.Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		err := errors.Join(n.server.Shutdown(ctx), <-served)
		n.forwarder.Close()
		if err = errors.Join(err, n.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(n.stop)
	return n
}

// call appends with an API key, which may be empty, and returns the code of the answer.
func (n *forwardingNode) call(ctx context.Context, key string, events []dcb.Event, condition *dcb.AppendCondition) (uint64, *grpcclient.Error) {
	request := &grpcclient.Request{Method: wire.MethodAppend, Message: record.EncodeAppend(events, condition, nil)}
	if key != "" {
		request.Fields = []hpack.HeaderField{{Name: "authorization", Value: "Bearer " + key}}
	}
	answer, err := n.calls.Call(ctx, request, nil)
	var failed *grpcclient.Error
	if errors.As(err, &failed) {
		return 0, failed
	}
	position, _, err := record.DecodePosition(answer)
	if err != nil {
		n.t.Error(err)
	}
	return position, nil
}

// append appends an event at a position, which the server then has.
func (n *forwardingNode) append(position uint64) {
	n.t.Helper()
	got, failed := n.call(n.t.Context(), "", []dcb.Event{numberedEvent(position)}, nil)
	if got != position || failed != nil {
		n.t.Fatalf("an append is at %d, %v, want %d", got, failed, position)
	}
	if head, err := n.Head(n.t.Context()); head < position || err != nil {
		n.t.Errorf("after an append at %d, the server has the head %d, %v", position, head, err)
	}
}

func numberedEvent(n uint64) dcb.Event {
	return dcb.Event{Type: "T", Tags: []string{"all"}, UUID: fmt.Sprintf("00000000-0000-4000-8000-%012d", n)}
}

func unlessAfter(position uint64) *dcb.AppendCondition {
	return &dcb.AppendCondition{After: position, FailIfEventsMatch: dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"all"}}}}}
}

// wantMetrics compares the metrics of the forwarder.
func (n *forwardingNode) wantMetrics(want server.ForwardMetrics) {
	n.t.Helper()
	if got := n.server.Metrics().Forwarded; got != want {
		n.t.Errorf("the metrics of forwarding are %+v, want %+v", got, want)
	}
}

// newForwardingEngine returns an engine with a log.
func newForwardingEngine(t *testing.T) *fakeEngine {
	t.Helper()
	e := newFakeEngine()
	if _, err := e.Connect().Create(t.Context(), sharedlog.Origin{Log: sharedlog.ID{1}, Store: sharedlog.ID{2}}); err != nil {
		t.Fatal(err)
	}
	return e
}

// wantWriters compares the number of records of each server.
func (e *fakeEngine) wantWriters(t *testing.T, want map[*forwardingNode]int) {
	t.Helper()
	_, records := e.History()
	got := map[string]int{}
	for _, r := range records {
		envelope, _, err := sharedlog.Decode(r.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		got[envelope.Address]++
	}
	for n, count := range want {
		if got[n.url] != count {
			t.Errorf("%s has written %d records, want %d", n.url, got[n.url], count)
		}
	}
}
