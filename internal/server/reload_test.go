package server_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/servertest"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// trusting returns the option of a client that trusts the certificate in a file.
func trusting(t *testing.T, caFile string) grpc.DialOption {
	t.Helper()
	trusted, err := credentials.NewClientTLSFromFile(caFile, "")
	if err != nil {
		t.Fatal(err)
	}
	return grpc.WithTransportCredentials(trusted)
}

// wantHead checks how a call of a client ends.
func wantHead(t *testing.T, client umadbv1.DCBClient, want codes.Code, about string) {
	t.Helper()
	if _, err := client.Head(within(t, patience), &umadbv1.HeadRequest{}); status.Code(err) != want {
		t.Errorf("%s: got %v, want %v", about, err, want)
	}
}

func TestReloadCertificateAffectsNewConnections(t *testing.T) {
	files := certificate(t)
	r := start(t, newMemoryStore(), server.Options{TLSCertFile: files.Cert, TLSKeyFile: files.Key})
	trustsOld := trusting(t, files.CA)
	open := r.client(t, trustsOld)
	wantHead(t, open, codes.OK, "the old certificate")

	if _, err := servertest.WriteCertificate(filepath.Dir(files.Cert)); err != nil {
		t.Fatal(err)
	}
	if err := r.ReloadCertificate(); err != nil {
		t.Fatal(err)
	}
	wantHead(t, r.client(t, trusting(t, files.CA)), codes.OK, "a new connection that trusts the new certificate")
	wantHead(t, r.client(t, trustsOld), codes.Unavailable, "a new connection that trusts the old certificate")
	wantHead(t, open, codes.OK, "the open connection")
}

func TestReloadCertificateKeepsOldOnError(t *testing.T) {
	files := certificate(t)
	r := start(t, newMemoryStore(), server.Options{TLSCertFile: files.Cert, TLSKeyFile: files.Key})
	old := trusting(t, files.CA)
	if err := os.WriteFile(files.Key, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.ReloadCertificate(); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("got %v", err)
	}
	wantHead(t, r.client(t, old), codes.OK, "the old certificate")
	if err := start(t, newMemoryStore(), server.Options{}).ReloadCertificate(); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("without TLS: %v", err)
	}
}

func TestSetAPIKey(t *testing.T) {
	r := start(t, newMemoryStore(), server.Options{APIKey: apiKey})
	c := r.raw(t)
	wantKey := func(key string, want codes.Code) {
		t.Helper()
		answer := c.post(t, "/umadb.v1.DCB/Head", request(t, &umadbv1.HeadRequest{}), "Authorization", "Bearer "+key)
		if answer.code != want {
			t.Errorf("%q ends with %v, want %v", key, answer.code, want)
		}
	}
	for _, key := range []string{"", "with a line end\n"} {
		if err := r.SetAPIKey(key); !errors.Is(err, dcb.ErrInvalidArgument) {
			t.Errorf("%q: %v", key, err)
		}
	}
	wantKey(apiKey, codes.OK)
	wantKey("", codes.Unauthenticated)
	if err := r.SetAPIKey("another"); err != nil {
		t.Fatal(err)
	}
	wantKey(apiKey, codes.Unauthenticated)
	wantKey("another", codes.OK)
}

// TestCertificateWarnings checks the warnings about certificates for 100 days after
// loading, with a fake clock.
func TestCertificateWarnings(t *testing.T) {
	const never = 100
	for name, c := range map[string]struct {
		from, days         int // start of its validity, relative to today, and length
		early, soon, ended int // first day of each warning, which is repeated each day
	}{
		"90 days":         {0, 90, never, 76, 90},
		"5 days":          {0, 5, never, 4, 5},
		"expired":         {-2, 1, never, never, 0},
		"not valid yet":   {3, 400, 0, never, never},
		"a thousand days": {0, 1000, never, never, never},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now().AddDate(0, 0, c.from)
				files, err := servertest.WriteCertificateValid(dir, begin, begin.AddDate(0, 0, c.days).Add(-time.Second))
				if err != nil {
					t.Fatal(err)
				}
				var log logBuffer
				loaded, err := server.NewCertificate(server.Options{
					TLSCertFile: files.Cert, TLSKeyFile: files.Key, Logger: slog.New(slog.NewTextHandler(&log, nil)),
				})
				if err != nil {
					t.Fatal(err)
				}
				ctx, end := context.WithCancel(t.Context())
				defer end()
				go loaded.Watch(ctx)
				for today := range never {
					want := ""
					switch {
					case today >= c.ended:
						want = "has expired: clients refuse to connect"
					case today >= c.soon:
						want = "expires soon"
					case today >= c.early && today < c.from:
						want = "is not valid yet: clients refuse to connect"
					}
					got := log.take()
					if (want == "") != (got == "") || !strings.Contains(got, want) || strings.Count(got, "\n") > 1 {
						t.Fatalf("on day %d the log contains %q, want %q", today, got, want)
					}
					time.Sleep(24 * time.Hour)
					synctest.Wait()
				}
			})
		})
	}
}

// logBuffer is a log that one goroutine writes and another reads.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// take returns what was written since the last call.
func (b *logBuffer) take() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.text.Reset()
	return b.text.String()
}
