package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/settingfile"
)

const (
	// expiryNotice is how long before its expiry a certificate is warned about, or a
	// fifth of its lifetime if that is shorter.
	expiryNotice = 14 * 24 * time.Hour
	// expiryPoll is how often the certificate in use is checked.
	expiryPoll = 24 * time.Hour
)

// certificate is the TLS certificate of the server. It may be replaced at any time; open
// connections are not affected.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	current           atomic.Pointer[tls.Certificate]
}

// newCertificate loads the certificate of the options. It returns nil if they have none.
func newCertificate(options Options) (*certificate, error) {
	switch {
	case options.TLSCertFile == "" && options.TLSKeyFile == "":
		return nil, nil
	case options.TLSKeyFile == "":
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "a TLS certificate is configured without its key; configure both or neither"}
	case options.TLSCertFile == "":
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "a TLS key is configured without its certificate; configure both or neither"}
	}
	c := &certificate{certFile: options.TLSCertFile, keyFile: options.TLSKeyFile, log: options.Logger}
	return c, c.load()
}

// load reads the files. If they cannot be used, the certificate is unchanged.
func (c *certificate) load() error {
	loaded, err := settingfile.KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the TLS certificate and key cannot be used", Cause: err}
	}
	c.current.Store(&loaded)
	c.warn()
	return nil
}

// config returns a configuration with the certificate that is current when a connection is
// made. The cipher suites are the defaults of package tls, which all have forward secrecy.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2"},
	}
}

// warn logs a warning if clients refuse the certificate or soon will.
func (c *certificate) warn() {
	leaf, now := c.current.Load().Leaf, time.Now()
	about := []any{"file", c.certFile, "not_before", leaf.NotBefore, "not_after", leaf.NotAfter}
	switch {
	case now.After(leaf.NotAfter):
		c.log.Warn("the TLS certificate has expired: clients refuse to connect", about...)
	case now.Before(leaf.NotBefore):
		c.log.Warn("the TLS certificate is not valid yet: clients refuse to connect", about...)
	case leaf.NotAfter.Sub(now) < noticeBefore(leaf):
		c.log.Warn("the TLS certificate expires soon", about...)
	}
}

// noticeBefore returns how long before its expiry a certificate is warned about.
func noticeBefore(leaf *x509.Certificate) time.Duration {
	return min(expiryNotice, leaf.NotAfter.Sub(leaf.NotBefore)/5)
}

// watch calls warn once a day until ctx is done. c may be nil.
func (c *certificate) watch(ctx context.Context) {
	if c == nil {
		return
	}
	daily := time.NewTicker(expiryPoll)
	defer daily.Stop()
	for {
		select {
		case <-daily.C:
			c.warn()
		case <-ctx.Done():
			return
		}
	}
}

// CertificateExpiry returns when the current certificate expires, or zero without TLS.
func (s *Server) CertificateExpiry() time.Time {
	if s.certificate == nil {
		return time.Time{}
	}
	return s.certificate.current.Load().Leaf.NotAfter
}

// ReloadCertificate reads the files of Options.TLSCertFile and TLSKeyFile again. Open
// connections are not affected. If the files cannot be used, the certificate is
// unchanged, and the error is dcb.ErrInvalidArgument.
func (s *Server) ReloadCertificate() error {
	if s.certificate == nil {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the server was started without TLS"}
	}
	return s.certificate.load()
}
