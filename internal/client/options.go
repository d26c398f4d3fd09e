package client

import "time"

// Options say how a Client connects. The zero value works.
type Options struct {
	// CAFile is a PEM file of the certificates that may have signed the
	// server's. Empty for those of the system.
	CAFile string
	// APIKey is sent with every call. It is never sent unencrypted: over http
	// and grpc URLs every call fails with dcb.ErrTransport instead. It must be
	// printable ASCII and neither begin nor end with a space.
	APIKey string
	// BatchSize is the greatest number of events in one message of a read or
	// subscription. 0 for the server's default; servers have a maximum too.
	BatchSize uint32
	// ConnectTimeout bounds how long Dial waits for a connection. Until then it
	// tries again, so that a program may be started together with its server, unless
	// the server has shown a certificate that cannot be trusted. Default 5 seconds.
	ConnectTimeout time.Duration
	// FailFast has Dial fail with the first attempt instead, as when the connection
	// is refused or the host is unknown. ConnectTimeout then bounds that attempt.
	FailFast bool
	// KeepAlive is how long a connection may be silent before the server is
	// pinged. Default 10 seconds, which is also the least.
	KeepAlive time.Duration
	// KeepAliveTimeout is how long the answer to a ping may take before the
	// connection is given up. Default 10 seconds.
	KeepAliveTimeout time.Duration
	// NoResume makes a subscription end when its connection breaks, with
	// dcb.ErrTransport, or when the server stops, without an error. By default it
	// resumes after the last event, and tries to do so for a minute.
	NoResume bool
}

// withDefaults gives the options with each zero field set to its default.
func (o Options) withDefaults() Options {
	if o.ConnectTimeout <= 0 {
		o.ConnectTimeout = 5 * time.Second
	}
	if o.KeepAlive <= 0 {
		o.KeepAlive = 10 * time.Second
	}
	if o.KeepAliveTimeout <= 0 {
		o.KeepAliveTimeout = 10 * time.Second
	}
	return o
}
