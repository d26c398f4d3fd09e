// Package webtest starts what tests of pages and of the API over HTTP need: a store in memory with a
// server, and an HTTP server whose requests use a client of it.
package webtest

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"net"
	"net/http/httptest"
	"testing"

	"github.com/umadb-go/umadb/internal/admin"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/web"
)

// NewStore returns an empty store, and what a request may use of it. Both are closed when the test ends.
func NewStore(t testing.TB) (*store.Store, *web.Backend) {
	t.Helper()
	return newStore(t, nil)
}

// NewStoreWithKey is NewStore with a server that requires a key, which the client has.
func NewStoreWithKey(t testing.TB, key server.Key) (*store.Store, *web.Backend) {
	t.Helper()
	return newStore(t, &key)
}

func newStore(t testing.TB, key *server.Key) (*store.Store, *web.Backend) {
	t.Helper()
	opened := store.OpenMemory()
	t.Cleanup(func() { opened.Close() })
	srv, err := server.New(opened, server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	admin.Register(srv, opened, admin.Version{Version: "1.2.3"})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	secret := ""
	if key != nil {
		secret = "example-api-key-4f7c2b1d"
		key.Hash = new(sha256.Sum256([]byte(secret)))
		if err := srv.SetKeys([]server.Key{*key}); err != nil {
			t.Fatal(err)
		}
	}
	go srv.ServeInProcess(listener) // a client sends its key without encryption only within the process
	t.Cleanup(func() { srv.Shutdown(context.Background()) })
	c, err := client.DialInProcess("a test", func(ctx context.Context, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", listener.Addr().String())
	}, secret)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return opened, &web.Backend{Name: "a test", Events: c, Terms: c, Operator: admin.Operator{Client: admin.NewClient(c)}}
}

// Serve starts a server, whose handlers register adds. Each request uses a copy of the backend. It returns
// the URL of the server, which is stopped when the test ends.
func Serve(t testing.TB, options web.Options, b *web.Backend, register func(*web.Server)) (served *web.Server, url string) {
	t.Helper()
	options.Logger = slog.New(slog.DiscardHandler)
	options.Connect = func(context.Context, string) (*web.Backend, error) {
		one := *b
		one.Close = func() error { return nil }
		return &one, nil
	}
	served = web.New(options)
	register(served)
	listening := httptest.NewServer(served)
	t.Cleanup(listening.Close)
	t.Cleanup(func() { served.Stop(context.Background()) })
	return served, listening.URL
}
