package client

import (
	"crypto/tls"
	"crypto/x509"
	"os"

	"github.com/umadb-go/umadb/dcb"
)

// tlsConfig returns a configuration that trusts the roots in a PEM file, or those of the
// system if caFile is empty.
func tlsConfig(caFile string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile == "" {
		return config, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the CA file cannot be read", Cause: err}
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the CA file " + caFile + " contains no PEM certificate"}
	}
	return config, nil
}

// errInsecureKey is returned by every call of a client whose key must not be sent.
var errInsecureKey = &dcb.Error{
	Kind:   dcb.ErrTransport,
	Detail: "an API key is configured but the connection is not encrypted, so the key is not sent; use an https or grpcs URL",
}
