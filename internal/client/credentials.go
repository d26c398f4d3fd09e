package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/umadb-go/umadb/dcb"
)

// transportCredentials returns TLS credentials, or insecure ones if the target is not
// secure. An invalid CA file is an error in either case. distrust is called with the
// error when a server's certificate is not trusted.
func transportCredentials(t target, caFile string, distrust func(error)) (credentials.TransportCredentials, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the CA file cannot be read", Cause: err}
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the CA file " + caFile + " contains no PEM certificate"}
		}
	}
	if !t.secure {
		return insecure.NewCredentials(), nil
	}
	return &verifiedTLS{credentials.NewTLS(config), distrust}, nil
}

// verifiedTLS calls distrust when a server's certificate is not trusted, because the next
// attempt would fail in the same way.
type verifiedTLS struct {
	credentials.TransportCredentials
	distrust func(error)
}

// ClientHandshake does the TLS handshake, and calls distrust if it fails because the
// server's certificate is not trusted.
func (v *verifiedTLS) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secured, info, err := v.TransportCredentials.ClientHandshake(ctx, authority, conn)
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		v.distrust(err)
	}
	return secured, info, err
}

// Clone returns a copy that calls the same function.
func (v *verifiedTLS) Clone() credentials.TransportCredentials {
	return &verifiedTLS{v.TransportCredentials.Clone(), v.distrust}
}

// bearer sends an API key with every call.
type bearer string

// GetRequestMetadata returns the header with the key.
func (key bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(key)}, nil
}

// RequireTransportSecurity returns true, so that the key is not sent unencrypted.
func (bearer) RequireTransportSecurity() bool { return true }

// errInsecureKey is returned by every call of a client whose key must not be sent.
var errInsecureKey = &dcb.Error{
	Kind:   dcb.ErrTransport,
	Detail: "an API key is configured but the connection is not encrypted, so the key is not sent; use an https or grpcs URL",
}
