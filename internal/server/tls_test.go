package server_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/servertest"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// certificate creates a certificate for 127.0.0.1.
func certificate(t *testing.T) servertest.Certificate {
	t.Helper()
	files, err := servertest.WriteCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestTLSServerAcceptsOnlyTLS(t *testing.T) {
	files := certificate(t)
	r := start(t, newMemoryStore(), server.Options{TLSCertFile: files.Cert, TLSKeyFile: files.Key})
	trusted, err := credentials.NewClientTLSFromFile(files.CA, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		credentials credentials.TransportCredentials
		want        codes.Code
	}{
		"TLS":                   {trusted, codes.OK},
		"plain":                 {insecure.NewCredentials(), codes.Unavailable},
		"untrusted certificate": {credentials.NewTLS(nil), codes.Unavailable},
	} {
		client := r.client(t, grpc.WithTransportCredentials(row.credentials))
		if _, err := client.Head(within(t, patience), &umadbv1.HeadRequest{}); status.Code(err) != row.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTLSVersions(t *testing.T) {
	authority := newAuthority(t)
	m := startMutual(t, authority)
	certificates := []tls.Certificate{identity(t, authority, "app", x509.ExtKeyUsageClientAuth)}
	for _, c := range []struct {
		min, max uint16
		ok       bool
	}{
		{tls.VersionTLS10, tls.VersionTLS11, false},
		{tls.VersionTLS12, tls.VersionTLS12, true},
		{tls.VersionTLS13, tls.VersionTLS13, true},
	} {
		conn, err := m.dialTLS(t, &tls.Config{MinVersion: c.min, MaxVersion: c.max, Certificates: certificates})
		switch {
		case (err == nil) != c.ok:
			t.Errorf("%s: %v", tls.VersionName(c.max), err)
		case !c.ok && !strings.Contains(err.Error(), "protocol version not supported"):
			t.Errorf("%s: refused with %v", tls.VersionName(c.max), err)
		case c.ok && conn.ConnectionState().Version != c.max:
			t.Errorf("%s: the version is %s", tls.VersionName(c.max), tls.VersionName(conn.ConnectionState().Version))
		}
	}
}

// Without client certificates the configuration is another one.
func TestTLS11IsRefused(t *testing.T) {
	files := certificate(t)
	r := start(t, newMemoryStore(), server.Options{TLSCertFile: files.Cert, TLSKeyFile: files.Key})
	_, err := tls.Dial("tcp", r.address, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11, InsecureSkipVerify: true})
	if err == nil || !strings.Contains(err.Error(), "protocol version not supported") {
		t.Errorf("refused with %v", err)
	}
}

func TestOnlyHTTP2IsNegotiated(t *testing.T) {
	files := certificate(t)
	r := start(t, newMemoryStore(), server.Options{TLSCertFile: files.Cert, TLSKeyFile: files.Key})
	for _, c := range []struct {
		offered []string
		want    string
	}{
		{[]string{"http/1.1"}, ""}, // which package tls leaves to the server
		{[]string{"http/1.1", "h2"}, "h2"},
	} {
		conn, err := tls.Dial("tcp", r.address, &tls.Config{NextProtos: c.offered, InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if got := conn.ConnectionState().NegotiatedProtocol; got != c.want {
			t.Errorf("%q: negotiated %q", c.offered, got)
		}
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Read(make([]byte, 1)); (n == 0) != (c.want == "") || n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q: the client reads %d bytes, %v", c.offered, n, err)
		}
	}
}

func TestCertificateExpiry(t *testing.T) {
	files := certificate(t)
	r := start(t, newMemoryStore(), server.Options{TLSCertFile: files.Cert, TLSKeyFile: files.Key})
	until := time.Now().AddDate(0, 0, 40).UTC().Truncate(time.Second)
	if _, err := servertest.WriteCertificateValid(filepath.Dir(files.Cert), time.Now(), until); err != nil {
		t.Fatal(err)
	}
	if got := r.CertificateExpiry(); !got.Before(until) {
		t.Errorf("the certificate from the start expires at %v", got)
	}
	if err := r.ReloadCertificate(); err != nil {
		t.Fatal(err)
	}
	if got := r.CertificateExpiry(); !got.Equal(until) {
		t.Errorf("the new certificate expires at %v, want %v", got, until)
	}
	if got := start(t, newMemoryStore(), server.Options{}).CertificateExpiry(); !got.IsZero() {
		t.Errorf("without TLS: %v", got)
	}
}

func TestTLSClientOfServerWithoutTLSFails(t *testing.T) {
	client := start(t, newMemoryStore(), server.Options{}).client(t, grpc.WithTransportCredentials(credentials.NewTLS(nil)))
	if _, err := client.Head(within(t, patience), &umadbv1.HeadRequest{}); status.Code(err) != codes.Unavailable {
		t.Error(err)
	}
}

func TestNewRejectsInvalidTLSFiles(t *testing.T) {
	files := certificate(t)
	for name, options := range map[string]server.Options{
		"no key":         {TLSCertFile: files.Cert},
		"no certificate": {TLSKeyFile: files.Key},
		"no such file":   {TLSCertFile: files.Cert, TLSKeyFile: files.Key + ".missing"},
		"swapped":        {TLSCertFile: files.Key, TLSKeyFile: files.Cert},
	} {
		if _, err := server.New(newMemoryStore(), options); !errors.Is(err, dcb.ErrInvalidArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
