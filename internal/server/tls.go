package server

import (
	"crypto/tls"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/umadb-go/umadb/dcb"
)

// transportCredentials gives TLS with the certificate of the options, or none.
func transportCredentials(options Options) (credentials.TransportCredentials, error) {
	switch {
	case options.TLSCertFile == "" && options.TLSKeyFile == "":
		return insecure.NewCredentials(), nil
	case options.TLSKeyFile == "":
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "a TLS certificate is given without its key; give both or neither"}
	case options.TLSCertFile == "":
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "a TLS key is given without its certificate; give both or neither"}
	}
	certificate, err := tls.LoadX509KeyPair(options.TLSCertFile, options.TLSKeyFile)
	if err != nil {
		return nil, &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the TLS certificate and key cannot be used", Cause: err}
	}
	return credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{certificate},
		MinVersion:   tls.VersionTLS12,
	}), nil
}
