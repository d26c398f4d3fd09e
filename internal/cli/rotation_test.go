package cli_test

import (
	"context"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/umadb-go/umadb/client"
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/servertest"
)

// rotation replaces the certificates of a server and of its clients while they are in use.
type rotation struct {
	dir     string
	files   sync.RWMutex // held for writing while files are replaced, which Dial must not see half
	appends atomic.Uint64
}

func (r *rotation) path(name string) string { return filepath.Join(r.dir, name) }

// replace writes new certificates of an authority, and the authorities that all trust.
func (r *rotation) replace(t *testing.T, authority *servertest.Authority, trusted ...*servertest.Authority) {
	t.Helper()
	var pem []byte
	for _, one := range trusted {
		pem = append(pem, one.PEM()...)
	}
	r.files.Lock()
	defer r.files.Unlock()
	if err := errors.Join(
		os.WriteFile(r.path("ca.pem"), pem, 0o600),
		authority.Write(r.path("server.pem"), r.path("server.key"), "localhost", x509.ExtKeyUsageServerAuth),
		authority.Write(r.path("client.pem"), r.path("client.key"), "app", x509.ExtKeyUsageClientAuth),
	); err != nil {
		t.Fatal(err)
	}
}

// dial connects with the certificates of the moment.
func (r *rotation) dial(address string) (dcb.EventStore, error) {
	r.files.RLock()
	defer r.files.RUnlock()
	return client.Dial("https://"+address, &client.Options{
		CAFile: r.path("ca.pem"), ClientCert: r.path("client.pem"), ClientKey: r.path("client.key"), NoResume: true, FailFast: true,
	})
}

// append appends an event to a store.
func (r *rotation) append(ctx context.Context, store dcb.EventStore) error {
	_, err := store.Append(ctx, []dcb.Event{{Type: "A"}}, nil, nil)
	if err == nil {
		r.appends.Add(1)
	}
	return err
}

// appendWithNewConnections connects again for each append, until stop is closed.
func (r *rotation) appendWithNewConnections(ctx context.Context, address string, stop <-chan struct{}) error {
	for !isClosed(stop) {
		store, err := r.dial(address)
		if err != nil {
			return err
		}
		if err := errors.Join(r.append(ctx, store), store.Close()); err != nil {
			return err
		}
	}
	return nil
}

func isClosed(channel <-chan struct{}) bool {
	select {
	case <-channel:
		return true
	default:
		return false
	}
}

func newAuthority(t *testing.T) *servertest.Authority {
	t.Helper()
	authority, err := servertest.NewAuthority(time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return authority
}

// The certificates are replaced 100 times, and the authority once, with both of them trusted
// meanwhile: no call fails and no stream breaks.
func TestCertificatesAreReplacedUnderLoad(t *testing.T) {
	old, renewed := newAuthority(t), newAuthority(t)
	r := &rotation{dir: t.TempDir()}
	r.replace(t, old, old)
	server := start(t, "--db-path", r.path("uma.db"), "--tls-cert", r.path("server.pem"), "--tls-key", r.path("server.key"), "--client-ca", r.path("ca.pem"))
	store, err := r.dial(server.address)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*patience)
	defer cancel()
	stop := make(chan struct{})
	var load, streams sync.WaitGroup
	var seen atomic.Uint64
	streams.Go(func() {
		for e, err := range store.Subscribe(ctx, dcb.Query{}, 0) {
			if err != nil {
				if ctx.Err() == nil {
					t.Errorf("the subscription after event %d: %v", seen.Load(), err)
				}
				return
			}
			seen.Store(e.Position)
		}
	})
	for range 2 {
		load.Go(func() {
			for !isClosed(stop) {
				if err := r.append(ctx, store); err != nil {
					t.Errorf("an append: %v", err)
					return
				}
			}
		})
		load.Go(func() {
			if err := r.appendWithNewConnections(ctx, server.address, stop); err != nil {
				t.Errorf("a new connection: %v", err)
			}
		})
	}
	for round := range 100 {
		switch {
		case round < 33:
			r.replace(t, old, old)
		case round == 33: // before any certificate of the new authority is used
			r.replace(t, old, old, renewed)
		case round < 67:
			r.replace(t, renewed, old, renewed)
		default:
			r.replace(t, renewed, renewed)
		}
		server.Signal(syscall.SIGHUP)
		for _, line := range readLog(t, server, "client CA") {
			if line.Level != "INFO" {
				t.Errorf("round %d: %+v", round, line)
			}
		}
	}
	close(stop)
	load.Wait()
	await(t, "all events in the subscription", func() bool { return seen.Load() == r.appends.Load() || t.Failed() })
	cancel()
	streams.Wait()
	t.Logf("%d appends", r.appends.Load())

	r.replace(t, old, renewed) // a client with a certificate of the old authority
	if _, err := r.dial(server.address); err == nil || !strings.Contains(err.Error(), "does not know the authority") {
		t.Errorf("a client of the old authority: %v", err)
	}
}
