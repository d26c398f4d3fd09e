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

// transportCredentials gives TLS, or none if the target is not secure. A CA
// file that cannot be used is an error in either case: it was meant to be. distrust
// is told of each server whose certificate cannot be trusted.
func transportCredentials(t target, caFile string, distrust func(error)) (credentials.TransportCredentials, error) {
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
	return &verifiedTLS{credentials.NewTLS(config), distrust}, nil
}

// verifiedTLS is TLS that tells when a server's certificate cannot be trusted, for the
// next attempt would end in the same way.
type verifiedTLS struct {
	credentials.TransportCredentials
	distrust func(error)
}

// ClientHandshake secures a connection, if the server's certificate can be trusted.
func (v *verifiedTLS) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secured, info, err := v.TransportCredentials.ClientHandshake(ctx, authority, conn)
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		v.distrust(err)
	}
	return secured, info, err
}

// Clone gives credentials that tell the same one.
func (v *verifiedTLS) Clone() credentials.TransportCredentials {
	return &verifiedTLS{v.TransportCredentials.Clone(), v.distrust}
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
