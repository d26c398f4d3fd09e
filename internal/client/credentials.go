package client

import (
	"crypto/tls"
	"crypto/x509"
	"sync"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/settingfile"
)

// credentials are the certificates of a client: those that it trusts, and its own. Their
// files are read again for each connection.
type credentials struct {
	caFile, certFile, keyFile string

	mu       sync.Mutex
	roots    *x509.CertPool   // guarded by mu; nil for those of the system
	identity *tls.Certificate // guarded by mu; nil if the client has none
}

// newCredentials reads the files of the options.
func newCredentials(o Options) (*credentials, error) {
	switch {
	case o.ClientCert != "" && o.ClientKey == "":
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "a client certificate is configured without its key; configure both or neither"}
	case o.ClientCert == "" && o.ClientKey != "":
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the key of a client certificate is configured without the certificate; configure both or neither"}
	}
	c := &credentials{caFile: o.CAFile, certFile: o.ClientCert, keyFile: o.ClientKey}
	if err := c.loadRoots(); err != nil {
		return nil, err
	}
	return c, c.loadIdentity()
}

// loadRoots reads the certificates that the client trusts.
func (c *credentials) loadRoots() error {
	if c.caFile == "" {
		return nil
	}
	pem, err := settingfile.Read(c.caFile)
	if err != nil {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the CA file cannot be read", Cause: err}
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the CA file " + c.caFile + " contains no PEM certificate"}
	}
	c.roots = roots
	return nil
}

// loadIdentity reads the certificate of the client.
func (c *credentials) loadIdentity() error {
	if c.certFile == "" {
		return nil
	}
	identity, err := settingfile.KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the client certificate " + c.certFile + " and its key " + c.keyFile + " cannot be used", Cause: err}
	}
	c.identity = &identity
	return nil
}

// apply reads the files again and sets the credentials of a new connection. Files that cannot
// be used, because they are being replaced, leave the previous ones in effect.
func (c *credentials) apply(config *tls.Config) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.loadRoots()
	_ = c.loadIdentity()
	config.RootCAs = c.roots
	if identity := c.identity; identity != nil {
		// Not Certificates, of which package tls sends none if the server names other
		// authorities: the server then explains why it refuses the client.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return identity, nil }
	}
}

// errInsecureKey is returned by every call of a client whose key must not be sent.
var errInsecureKey = &dcb.Error{
	Kind:   dcb.ErrTransport,
	Detail: "an API key is configured but the connection is not encrypted, so the key is not sent; use an https or grpcs URL",
}
