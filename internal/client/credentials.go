package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"sync/atomic"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/umadb-go/umadb/dcb"
)

// transportCredentials gives TLS, or none if the target is not secure. A CA
// file that cannot be used is an error in either case: it was meant to be. distrusted
// tells from then on whether the last server had a certificate that cannot be trusted.
func transportCredentials(t target, caFile string, distrusted *atomic.Bool) (credentials.TransportCredentials, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the CA file cannot be read", Cause: err}
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the CA file " + caFile + " holds no PEM certificate"}
		}
	}
	if !t.secure {
		return insecure.NewCredentials(), nil
	}
	return &suspicious{TransportCredentials: credentials.NewTLS(config), distrusted: distrusted}, nil
}

// suspicious is TLS that notes that a server cannot be trusted, for the next attempt
// would end in the same way.
type suspicious struct {
	credentials.TransportCredentials
	distrusted *atomic.Bool
}

// ClientHandshake secures a connection, if the server's certificate can be trusted.
func (s *suspicious) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secured, info, err := s.TransportCredentials.ClientHandshake(ctx, authority, conn)
	var untrusted *tls.CertificateVerificationError
	s.distrusted.Store(errors.As(err, &untrusted))
	return secured, info, err
}

// Clone gives credentials that note it in the same place.
func (s *suspicious) Clone() credentials.TransportCredentials {
	return &suspicious{TransportCredentials: s.TransportCredentials.Clone(), distrusted: s.distrusted}
}

// bearer sends an API key with every call.
type bearer string

// GetRequestMetadata gives the header to send.
func (key bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(key)}, nil
}

// RequireTransportSecurity keeps the key off unencrypted connections.
func (bearer) RequireTransportSecurity() bool { return true }

// errInsecureKey answers every call of a client whose key must not be sent.
var errInsecureKey = &dcb.Error{
	Kind:   dcb.ErrTransport,
	Detail: "an API key is configured but the connection is not encrypted; it is not sent over it, use an https or grpcs URL",
}
