package client_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/servertest"
)

// identities is a folder with the files of a server and a client with certificates, and the
// authority that signs both.
type identities struct {
	authority *servertest.Authority
	options   client.Options
	server    tls.Config
	dir       string
}

func newIdentities(t *testing.T) *identities {
	t.Helper()
	i := &identities{dir: t.TempDir()}
	i.options = client.Options{CAFile: i.path("ca.pem"), ClientCert: i.path("client.pem"), ClientKey: i.path("client.key"), ConnectTimeout: patience}
	i.renew(t)
	i.writeClient(t, "first")
	return i
}

func (i *identities) path(name string) string { return filepath.Join(i.dir, name) }

// renew replaces the authority, and the certificate of the server.
func (i *identities) renew(t *testing.T) {
	t.Helper()
	authority, err := servertest.NewAuthority(time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	i.authority = authority
	err = errors.Join(os.WriteFile(i.path("ca.pem"), authority.PEM(), 0o600),
		authority.Write(i.path("server.pem"), i.path("server.key"), "localhost", x509.ExtKeyUsageServerAuth))
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := tls.LoadX509KeyPair(i.path("server.pem"), i.path("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority.PEM())
	i.server = tls.Config{Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, NextProtos: []string{"h2"}}
}

func (i *identities) writeClient(t *testing.T, name string) {
	t.Helper()
	if err := i.authority.Write(i.options.ClientCert, i.options.ClientKey, name, x509.ExtKeyUsageClientAuth); err != nil {
		t.Fatal(err)
	}
}

// mutual is a server that requires certificates.
type mutual struct {
	scripted
	identities *identities
	address    string

	mu   sync.Mutex
	last string // guarded by mu; the name in the certificate of the last call
}

func (i *identities) startMutual(t *testing.T) *mutual {
	t.Helper()
	s := &mutual{identities: i, address: servertest.Address(t)}
	s.onHead = func(ctx context.Context) (*uint64, error) {
		caller, _ := peer.FromContext(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.last = caller.AuthInfo.(credentials.TLSInfo).State.PeerCertificates[0].Subject.CommonName
		return nil, nil
	}
	s.startAgain(t)
	return s
}

// startAgain starts the server with the current certificates.
func (s *mutual) startAgain(t *testing.T) {
	t.Helper()
	s.start(t, s.address, grpc.Creds(credentials.NewTLS(s.identities.server.Clone())))
	s.url = "https://" + s.address
}

// wantCaller makes a call and checks the name in the certificate of the client.
func (s *mutual) wantCaller(t *testing.T, c *client.Client, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := c.Head(ctx)
	for err != nil && ctx.Err() == nil { // while the client connects again
		_, err = c.Head(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || s.last != want {
		t.Errorf("the caller is %q, want %q; %v", s.last, want, err)
	}
}

// Both the authority and the certificate of the client are replaced while it is connected.
func TestFilesAreReadAgainForEachConnection(t *testing.T) {
	i := newIdentities(t)
	s := i.startMutual(t)
	c := dial(t, s.url, &i.options)
	s.wantCaller(t, c, "first")

	i.renew(t)
	i.writeClient(t, "second")
	s.wantCaller(t, c, "first")
	s.grpc.Stop()
	s.startAgain(t)
	s.wantCaller(t, c, "second")

	// Half of a pair cannot be used, and the previous one is.
	if err := os.WriteFile(i.options.ClientKey, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.grpc.Stop()
	s.startAgain(t)
	s.wantCaller(t, c, "second")
}

func TestRefusedClientCertificate(t *testing.T) {
	i := newIdentities(t)
	s := i.startMutual(t)
	for name, c := range map[string]struct {
		change func(t *testing.T, o *client.Options)
		want   string
	}{
		"none": {func(_ *testing.T, o *client.Options) { o.ClientCert, o.ClientKey = "", "" }, "the server requires a client certificate"},
		"another authority": {func(t *testing.T, o *client.Options) {
			other := newIdentities(t)
			o.ClientCert, o.ClientKey = other.options.ClientCert, other.options.ClientKey
		}, "the server does not know the authority that signed the client certificate"},
		"of a server": {func(_ *testing.T, o *client.Options) {
			o.ClientCert, o.ClientKey = i.path("server.pem"), i.path("server.key")
		}, "the server does not accept the client certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			options := i.options
			c.change(t, &options)
			start := time.Now()
			_, err := client.Dial(s.url, &options)
			if !errors.Is(err, dcb.ErrTransport) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if time.Since(start) >= patience {
				t.Error("the client tried again") // which cannot help
			}
		})
	}
}

func TestInvalidClientCertificateFiles(t *testing.T) {
	i := newIdentities(t)
	cert, key := i.options.ClientCert, i.options.ClientKey
	for name, options := range map[string]client.Options{
		"no key":         {ClientCert: cert},
		"no certificate": {ClientKey: key},
		"missing":        {ClientCert: cert + ".missing", ClientKey: key},
		"swapped":        {ClientCert: key, ClientKey: cert},
		"of another":     {ClientCert: cert, ClientKey: i.path("server.key")},
	} {
		for _, url := range []string{"https://127.0.0.1:1", "http://127.0.0.1:1"} {
			if _, err := client.Dial(url, &options); !errors.Is(err, dcb.ErrInvalidArgument) {
				t.Errorf("%s, %s: %v", name, url, err)
			}
		}
	}
}
