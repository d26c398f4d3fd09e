package server

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"strings"
	"sync/atomic"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/settingfile"
)

// clientCA contains the authorities whose certificates clients must have. They may be
// replaced at any time; open connections are not affected.
type clientCA struct {
	file        string
	certificate *certificate               // of the server
	current     atomic.Pointer[tls.Config] // for connections that are accepted from now on
}

// newClientCA loads the authorities of the options. It returns nil if they have none.
func newClientCA(options Options, certificate *certificate) (*clientCA, error) {
	switch {
	case options.ClientCAFile == "":
		return nil, nil
	case certificate == nil:
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "authorities of client certificates are configured without TLS; configure the certificate of the server and its key too"}
	}
	c := &clientCA{file: options.ClientCAFile, certificate: certificate}
	return c, c.load()
}

// load reads the file. If it cannot be used, the authorities are unchanged.
func (c *clientCA) load() error {
	authorities, err := readAuthorities(c.file)
	if err != nil {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the file of the client CA cannot be used", Cause: err}
	}
	config := c.certificate.config()
	config.ClientAuth = tls.RequireAndVerifyClientCert
	config.ClientCAs = authorities
	// A client that resumed a session would not be verified again, although the authorities
	// may have changed.
	config.SessionTicketsDisabled = true
	c.current.Store(config)
	return nil
}

// CheckClientCA returns an error if a file cannot be Options.ClientCAFile.
func CheckClientCA(file string) error {
	_, err := readAuthorities(file)
	return err
}

// readAuthorities reads the certificates of a PEM file. A certificate that is incomplete is
// an error: the file may still be being written, and clients would be refused.
func readAuthorities(file string) (*x509.CertPool, error) {
	content, err := settingfile.Read(file)
	if err != nil {
		return nil, err
	}
	authorities, number := x509.NewCertPool(), 0
	for {
		block, rest := pem.Decode(content)
		if block == nil {
			break
		}
		if content = rest; block.Type != "CERTIFICATE" {
			continue
		}
		authority, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		authorities.AddCert(authority)
		number++
	}
	switch {
	case bytes.Contains(content, []byte("-----BEGIN")):
		return nil, errors.New(file + " contains a PEM block that is incomplete")
	case number == 0:
		return nil, errors.New(file + " contains no PEM certificate")
	}
	return authorities, nil
}

// tlsConfig returns the configuration of accepted connections, or nil without TLS.
func (s *Server) tlsConfig() *tls.Config {
	switch {
	case s.certificate == nil:
		return nil
	case s.clientCA == nil:
		return s.certificate.config()
	}
	return &tls.Config{
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.clientCA.current.Load(), nil },
	}
}

// HTTPTLSConfig returns the configuration for an HTTP server beside this one: with its certificate
// and its authorities of clients. It is nil without TLS.
func (s *Server) HTTPTLSConfig() *tls.Config {
	own := s.tlsConfig()
	if own == nil {
		return nil
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (config *tls.Config, err error) {
			config = own
			if own.GetConfigForClient != nil {
				if config, err = own.GetConfigForClient(hello); err != nil {
					return nil, err
				}
			}
			config = config.Clone()
			config.NextProtos = []string{"h2", "http/1.1"}
			return config, nil
		},
	}
}

// onTLS records the certificate of a client, or logs why it was refused.
func (s *Server) onTLS(accepted net.Conn, state tls.ConnectionState, err error) {
	conn := accepted.(*connection)
	switch {
	case err == nil && len(state.VerifiedChains) > 0:
		conn.peer.Store(state.PeerCertificates[0])
	case err != nil && s.clientCA != nil:
		s.noteRefusedClient(err, conn.RemoteAddr())
	}
}

// noteRefusedClient logs that a client was refused because of its certificate, if that is the
// error of its TLS handshake.
func (s *Server) noteRefusedClient(err error, from net.Addr) {
	var invalid x509.CertificateInvalidError
	switch {
	case strings.Contains(err.Error(), "client didn't provide a certificate"): // package tls has no type for it
		s.notices.Warn(noClientCertificate, from)
	case errors.As(err, new(x509.UnknownAuthorityError)):
		s.notices.Warn(unknownClientCA, from)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		s.notices.Warn(expiredClient, from)
	case errors.As(err, new(*tls.CertificateVerificationError)):
		s.notices.Warn(invalidClient, from)
	}
}

// ReloadClientCA reads the file of Options.ClientCAFile again. Open connections are not
// affected. If the file cannot be used, the authorities are unchanged, and the error is
// dcb.ErrInvalidArgument.
func (s *Server) ReloadClientCA() error {
	if s.clientCA == nil {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the server was started without authorities of client certificates"}
	}
	return s.clientCA.load()
}
