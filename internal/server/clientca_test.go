package server_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/servertest"
)

// newAuthority returns an authority that is valid for a day.
func newAuthority(t *testing.T) *servertest.Authority {
	t.Helper()
	authority, err := servertest.NewAuthority(time.Now().Add(-time.Hour), time.Now().AddDate(0, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	return authority
}

// identity returns a new certificate that an authority has signed.
func identity(t *testing.T, authority *servertest.Authority, name string, usage x509.ExtKeyUsage) tls.Certificate {
	t.Helper()
	cert, key := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	if err := authority.Write(cert, key, name, usage); err != nil {
		t.Fatal(err)
	}
	loaded, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// mutual is a server with TLS whose clients need certificates of an authority.
type mutual struct {
	*running
	roots *x509.CertPool // that have signed the certificate of the server
	file  string         // of the client CA
	log   logBuffer
}

func startMutual(t *testing.T, authorities ...*servertest.Authority) *mutual {
	t.Helper()
	files := certificate(t)
	m := &mutual{roots: x509.NewCertPool(), file: filepath.Join(t.TempDir(), "client-ca.pem")}
	pem, err := os.ReadFile(files.CA)
	if err != nil || !m.roots.AppendCertsFromPEM(pem) {
		t.Fatal(err)
	}
	m.writeAuthorities(t, authorities...)
	m.running = start(t, newMemoryStore(), server.Options{
		TLSCertFile: files.Cert, TLSKeyFile: files.Key, ClientCAFile: m.file, Logger: slog.New(slog.NewTextHandler(&m.log, nil)),
	})
	return m
}

func (m *mutual) writeAuthorities(t *testing.T, authorities ...*servertest.Authority) {
	t.Helper()
	var content []byte
	for _, authority := range authorities {
		content = append(content, authority.PEM()...)
	}
	if err := os.WriteFile(m.file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// reload replaces the authorities.
func (m *mutual) reload(t *testing.T, authorities ...*servertest.Authority) {
	t.Helper()
	m.writeAuthorities(t, authorities...)
	if err := m.ReloadClientCA(); err != nil {
		t.Fatal(err)
	}
}

// with returns the option of a client with certificates.
func (m *mutual) with(certificates ...tls.Certificate) grpc.DialOption {
	return grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: m.roots, Certificates: certificates}))
}

// dialTLS connects and waits for the first bytes of the server, or for the alert with which it
// refuses the client.
func (m *mutual) dialTLS(t *testing.T, config *tls.Config) (*tls.Conn, error) {
	t.Helper()
	config.RootCAs, config.NextProtos = m.roots, []string{"h2"}
	conn, err := tls.Dial("tcp", m.address, config)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := conn.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")); err != nil {
		return conn, err
	}
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	_, err = conn.Read(make([]byte, 1))
	return conn, err
}

func TestClientNeedsCertificateOfClientCA(t *testing.T) {
	authority, yesterday := newAuthority(t), time.Now().AddDate(0, 0, -1)
	past, err := servertest.NewAuthority(yesterday.Add(-time.Hour), yesterday)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		certificates []tls.Certificate
		alert12      string // with TLS 1.2
		alert13      string // with TLS 1.3
		logged       string
	}{
		"valid":             {[]tls.Certificate{identity(t, authority, "app", x509.ExtKeyUsageClientAuth)}, "", "", ""},
		"none":              {nil, "handshake failure", "certificate required", "has no certificate"},
		"another authority": {[]tls.Certificate{identity(t, newAuthority(t), "app", x509.ExtKeyUsageClientAuth)}, "unknown certificate authority", "unknown certificate authority", "is not signed by an authority of the client CA"},
		"of a server":       {[]tls.Certificate{identity(t, authority, "app", x509.ExtKeyUsageServerAuth)}, "bad certificate", "bad certificate", "cannot be verified"},
		"expired":           {[]tls.Certificate{identity(t, past, "app", x509.ExtKeyUsageClientAuth)}, "expired certificate", "expired certificate", "has expired"},
	} {
		for version, alert := range map[uint16]string{tls.VersionTLS12: c.alert12, tls.VersionTLS13: c.alert13} {
			t.Run(name+" with "+tls.VersionName(version), func(t *testing.T) {
				m := startMutual(t, authority, past)
				_, err := m.dialTLS(t, &tls.Config{MaxVersion: version, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					if len(c.certificates) == 0 {
						return new(tls.Certificate), nil
					}
					return &c.certificates[0], nil // even if it is of another authority
				}})
				if (err == nil) != (alert == "") || err != nil && !strings.Contains(err.Error(), "remote error: tls: "+alert) {
					t.Errorf("the client gets %v, want an alert %q", err, alert)
				}
				log := m.log.take()
				for end := time.Now().Add(patience); log == "" && c.logged != "" && time.Now().Before(end); log = m.log.take() {
					time.Sleep(time.Millisecond) // the alert is sent before
				}
				if (c.logged == "") != (log == "") || !strings.Contains(log, c.logged) || strings.Count(log, "\n") > 1 {
					t.Errorf("the log is %q, want %q", log, c.logged)
				}
			})
		}
	}
}

func TestPeerCertificateIsKnown(t *testing.T) {
	authority := newAuthority(t)
	m := startMutual(t, authority)
	wantHead(t, m.client(t, m.with(identity(t, authority, "app", x509.ExtKeyUsageClientAuth))), codes.OK, "a client with a certificate")
	if names := m.PeerNames(); len(names) != 1 || names[0] != "app" {
		t.Errorf("the clients are %q", names)
	}
}

func TestReloadClientCA(t *testing.T) {
	old, renewed := newAuthority(t), newAuthority(t)
	m := startMutual(t, old)
	ofOld, ofNew := m.with(identity(t, old, "old", x509.ExtKeyUsageClientAuth)), m.with(identity(t, renewed, "new", x509.ExtKeyUsageClientAuth))
	open := m.client(t, ofOld)
	wantHead(t, open, codes.OK, "the old authority")
	wantHead(t, m.client(t, ofNew), codes.Unavailable, "the new authority, too early")

	m.reload(t, old, renewed)
	wantHead(t, m.client(t, ofOld), codes.OK, "the old authority, with both")
	wantHead(t, m.client(t, ofNew), codes.OK, "the new authority, with both")

	m.reload(t, renewed)
	wantHead(t, m.client(t, ofOld), codes.Unavailable, "the old authority, too late")
	wantHead(t, m.client(t, ofNew), codes.OK, "the new authority")
	wantHead(t, open, codes.OK, "the open connection")
}

// A client that resumes a session does not send its certificate again.
func TestResumedSessionDoesNotBypassClientCA(t *testing.T) {
	old := newAuthority(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		m := startMutual(t, old)
		config := &tls.Config{
			MaxVersion:         version,
			Certificates:       []tls.Certificate{identity(t, old, "old", x509.ExtKeyUsageClientAuth)},
			ClientSessionCache: tls.NewLRUClientSessionCache(1),
		}
		for range 2 {
			if conn, err := m.dialTLS(t, config); err != nil || conn.ConnectionState().DidResume {
				t.Fatalf("%s: resumed, or %v", tls.VersionName(version), err)
			}
		}
		m.reload(t, newAuthority(t))
		if _, err := m.dialTLS(t, config); err == nil {
			t.Errorf("%s: a client of the old authority is accepted", tls.VersionName(version))
		}
	}
}

func TestReloadClientCAKeepsOldOnError(t *testing.T) {
	authority := newAuthority(t)
	m := startMutual(t, authority)
	whole := string(authority.PEM())
	for name, content := range map[string]string{
		"empty":          "",
		"incomplete":     whole + whole[:len(whole)/2],
		"no certificate": strings.ReplaceAll(whole, "CERTIFICATE", "PUBLIC KEY"),
		"corrupt":        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
	} {
		if err := os.WriteFile(m.file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := m.ReloadClientCA(); !errors.Is(err, dcb.ErrInvalidArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantHead(t, m.client(t, m.with(identity(t, authority, "app", x509.ExtKeyUsageClientAuth))), codes.OK, "the old authority")
	if err := start(t, newMemoryStore(), server.Options{}).ReloadClientCA(); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("without a client CA: %v", err)
	}
}

func TestNewRejectsInvalidClientCA(t *testing.T) {
	files := certificate(t)
	for name, options := range map[string]server.Options{
		"without TLS":  {ClientCAFile: files.CA},
		"no such file": {TLSCertFile: files.Cert, TLSKeyFile: files.Key, ClientCAFile: files.CA + ".missing"},
		"a key":        {TLSCertFile: files.Cert, TLSKeyFile: files.Key, ClientCAFile: files.Key},
	} {
		if _, err := server.New(newMemoryStore(), options); !errors.Is(err, dcb.ErrInvalidArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A connection that is closed at once is reset by what the client sends, and the client may
// lose the reason.
func TestConnectionOfRefusedClientIsNotReset(t *testing.T) {
	m := startMutual(t, newAuthority(t))
	begin := time.Now()
	conn, err := m.dialTLS(t, new(tls.Config))
	if err == nil {
		t.Fatal("the client was accepted")
	}
	for range 20 {
		_, err := conn.NetConn().Write([]byte("more"))
		if time.Since(begin) >= time.Second {
			return // the server has waited for long enough
		}
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
}
