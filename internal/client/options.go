package client

import (
	"encoding/json"
	"fmt"
	"time"
)

// Options configures a Client. The zero value is valid.
type Options struct {
	// CAFile is a PEM file with the root certificates that are used to verify
	// the server's certificate. If it is empty, the system's roots are used.
	CAFile string
	// ClientCert and ClientKey are PEM files with the certificate chain of the client and
	// its private key, for a server that requires them. CAFile and these files are read
	// again for each new connection, so that they can be replaced.
	ClientCert, ClientKey string
	// APIKey is sent with every call. It is never sent unencrypted: with an http
	// or grpc URL every call fails with dcb.ErrTransport instead. It must be
	// printable ASCII and must not start or end with a space.
	APIKey string
	// BatchSize is the maximum number of events in a message of a read or
	// subscription. 0 means the server's default. The server may lower it.
	BatchSize uint32
	// ConnectTimeout is how long Dial tries to connect. Dial retries, so that a
	// program can be started together with its server, unless the server presents
	// a certificate that is not trusted. The default is 5 seconds.
	ConnectTimeout time.Duration
	// FailFast makes Dial fail after the first attempt, for example if the
	// connection is refused or the host is unknown. ConnectTimeout then bounds
	// that attempt.
	FailFast bool
	// KeepAlive is how long a connection may be idle before the client sends a
	// ping. The default, and the minimum, is 10 seconds, and 2.5 seconds with several
	// servers.
	KeepAlive time.Duration
	// KeepAliveTimeout is how long the client waits for the reply to a ping
	// before it closes the connection. The default is 10 seconds, and 2.5 seconds with
	// several servers.
	KeepAliveTimeout time.Duration
	// NoResume ends a subscription with dcb.ErrTransport when its connection
	// breaks, and without an error when the server stops. By default the
	// subscription resumes after the last event it received; it fails if it
	// cannot resume within a minute.
	NoResume bool
}

const (
	// minKeepAlive is what servers of other implementations permit.
	minKeepAlive            = 10 * time.Second
	defaultKeepAliveTimeout = 10 * time.Second

	// With several servers, one that hangs is noticed after these two times together, and calls
	// continue at another one. Such servers are of this implementation, and permit a ping every 2 s.
	severalKeepAlive        = 2500 * time.Millisecond
	severalKeepAliveTimeout = 2500 * time.Millisecond
)

// withDefaults returns the options with each zero field set to its default, for one server or
// for several.
func (o Options) withDefaults(several bool) Options {
	if o.ConnectTimeout <= 0 {
		o.ConnectTimeout = 5 * time.Second
	}
	keepAlive, timeout := minKeepAlive, defaultKeepAliveTimeout
	if several {
		keepAlive, timeout = severalKeepAlive, severalKeepAliveTimeout
	}
	if o.KeepAlive <= 0 {
		o.KeepAlive = keepAlive
	}
	o.KeepAlive = max(o.KeepAlive, keepAlive)
	if o.KeepAliveTimeout <= 0 {
		o.KeepAliveTimeout = timeout
	}
	return o
}

// hiddenKey is printed instead of an API key.
const hiddenKey = "(hidden)"

// printable has the fields of Options without the methods that hide the API key.
type printable Options

func (o Options) printable() printable {
	if o.APIKey != "" {
		o.APIKey = hiddenKey
	}
	return printable(o)
}

// Format prints the options without the API key, for every verb.
func (o Options) Format(s fmt.State, verb rune) {
	fmt.Fprintf(s, fmt.FormatString(s, verb), o.printable())
}

// MarshalJSON encodes the options without the API key, so that they can be logged.
func (o Options) MarshalJSON() ([]byte, error) { return json.Marshal(o.printable()) }
