package grpcclient

import (
	"errors"
	"net"
)

// CertificateError is why a connection failed whose server does not accept the certificate of
// the client, or the lack of one.
type CertificateError struct {
	reason string
	cause  error
}

// Error returns the reason.
func (e *CertificateError) Error() string { return e.reason }

// Unwrap returns the error of package tls.
func (e *CertificateError) Unwrap() error { return e.cause }

// certificateAlerts are the alerts of servers that refuse the certificate of a client, as
// package tls prints them. It has no type for them.
var certificateAlerts = map[string]string{
	"tls: certificate required":          "the server requires a client certificate",
	"tls: unknown certificate authority": "the server does not know the authority that signed the client certificate",
	"tls: expired certificate":           "the client certificate has expired or is not valid yet",
	"tls: revoked certificate":           "the client certificate has been revoked",
	"tls: bad certificate":               "the server does not accept the client certificate, or requires one",
	"tls: unsupported certificate":       "the server does not support the client certificate",
	"tls: unknown certificate":           "the server does not accept the client certificate",
}

// asCertificateError returns the error of a server that refuses the certificate of the
// client, or nil if err is another error.
func asCertificateError(err error) error {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" {
		return nil
	}
	if reason, ok := certificateAlerts[op.Err.Error()]; ok {
		return &CertificateError{reason, err}
	}
	return nil
}
