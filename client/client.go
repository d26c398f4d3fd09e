// Package client connects to an event store on a server, over gRPC. It works with every
// UmaDB server. Package umadb opens a store in this process; both are a dcb.EventStore.
package client

import (
	"fmt"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
)

// Options configure a connection. The zero value works.
type Options struct {
	// CAFile is a PEM file with the certificates of the authorities that may have signed
	// the server's certificate. Default: those of the system.
	CAFile string
	// APIKey is sent with every call. It is never sent unencrypted: with an http or grpc
	// URL every call fails with dcb.ErrTransport instead. It must be printable ASCII and
	// must not start or end with a space.
	APIKey string
	// BatchSize is the maximum number of events in one message of a read or subscription.
	// Default: that of the server. Servers have a maximum too.
	BatchSize uint32
	// ConnectTimeout is how long Dial waits for a connection. It retries until then, so a
	// program may be started together with its server, unless the server has shown a
	// certificate that is not trusted. Default 5 seconds.
	ConnectTimeout time.Duration
	// FailFast makes Dial fail with the first attempt, for example when the connection is
	// refused or the host is unknown. ConnectTimeout is then the timeout of that attempt.
	FailFast bool
	// KeepAlive is how long a connection may be silent before the server is pinged.
	// Default, and minimum, 10 seconds.
	KeepAlive time.Duration
	// KeepAliveTimeout is how long the answer to a ping may take before the connection is
	// closed. Default 10 seconds.
	KeepAliveTimeout time.Duration
	// NoResume makes a subscription end when its connection breaks, with
	// dcb.ErrTransport, or when the server stops, without an error. By default it
	// resumes after the last event, and tries to do so for a minute.
	NoResume bool
}

// Format prints the options without the API key, for every verb.
func (o Options) Format(s fmt.State, verb rune) { client.Options(o).Format(s, verb) }

// MarshalJSON encodes the options without the API key, for logs in JSON.
func (o Options) MarshalJSON() ([]byte, error) { return client.Options(o).MarshalJSON() }

// Dial connects to the server at a URL: http://host:port or grpc://host:port without TLS,
// https://host:port or grpcs://host:port with TLS. options may be nil. Dial returns
// dcb.ErrTransport if no server answers, and dcb.ErrInvalidArgument if the URL or an option
// is invalid.
func Dial(url string, options *Options) (dcb.EventStore, error) {
	store, err := client.Dial(url, (*client.Options)(options))
	if err != nil {
		return nil, err
	}
	return store, nil
}
