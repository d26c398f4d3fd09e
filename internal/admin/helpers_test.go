package admin_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/admin"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/servertest"
	"github.com/umadb-go/umadb/internal/store"
)

const (
	patience = time.Minute
	apiKey   = "s3cret"
)

// running is a server with the service, with TLS and a key.
type running struct {
	*server.Server
	store  *store.Store
	url    string
	caFile string
}

// start starts a server of a store in a directory.
func start(t *testing.T, dir string, options *store.Options) *running {
	t.Helper()
	opened, err := store.Open(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	return startStore(t, opened)
}

// startStore starts a server of a store.
func startStore(t *testing.T, opened *store.Store) *running {
	t.Helper()
	files, err := servertest.WriteCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(opened, server.Options{TLSCertFile: files.Cert, TLSKeyFile: files.Key, APIKey: apiKey})
	if err != nil {
		t.Fatal(err)
	}
	admin.Register(s, opened, admin.Version{Version: "1.2.3", Commit: "abc"})
	return serve(t, &running{Server: s, store: opened, caFile: files.CA})
}

// serve serves until the end of the test.
func serve(t *testing.T, r *running) *running {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.url = "https://" + listener.Addr().String()
	served := make(chan error, 1)
	go func() { served <- r.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := r.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := r.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// dial connects with a key until the end of the test.
func (r *running) dial(t *testing.T, key string) *client.Client {
	t.Helper()
	c, err := client.Dial(r.url, &client.Options{CAFile: r.caFile, APIKey: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// admin connects to the service until the end of the test.
func (r *running) admin(t *testing.T) *admin.Client {
	t.Helper()
	return admin.NewClient(r.dial(t, apiKey))
}

func (r *running) append(t *testing.T, tracking *dcb.TrackingInfo, events ...dcb.Event) {
	t.Helper()
	if _, err := r.store.Append(t.Context(), events, nil, tracking); err != nil {
		t.Fatal(err)
	}
}

// within returns a context that ends with the test or after patience.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timeout while waiting until %s", what)
		}
	}
}
