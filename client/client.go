// Package client connects to an event store on an UmaDB server, over gRPC. Package umadb
// opens a store in the same process instead. Both return a dcb.EventStore.
package client

import (
	"fmt"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
)

// Options configures a connection. The zero value is valid.
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

// Format prints the options without the API key, for every verb.
func (o Options) Format(s fmt.State, verb rune) { client.Options(o).Format(s, verb) }

// MarshalJSON encodes the options without the API key, so that they can be logged.
func (o Options) MarshalJSON() ([]byte, error) { return client.Options(o).MarshalJSON() }

// Dial connects to an UmaDB server. The URL is http://host:port without TLS, or
// https://host:port with TLS; grpc and umadb, and grpcs and umadbs, mean the same. The
// default port is 50051. options may be nil. Dial fails with dcb.ErrTransport if it
// cannot connect, and with dcb.ErrInvalidArgument if the URL or an option is invalid.
//
// A URL may contain up to 16 servers with the same events, as in http://a:50051,b:50051:
// servers of a shared log, or a server and its standbys. Dial connects if one of them can be
// reached. Reads take turns between the servers that work, and subscriptions and reads
// continue at another one without a gap. Appends stay with one server, and move when it cannot
// be reached, or refuses them without effect; an append whose outcome is unknown is sent again
// only if the server would recognise that, as for one server. Whatever the store has
// returned, or has appended, is visible to its later calls at every server, if all servers
// have at least version 0.8. The store does not check that the servers have the same events.
func Dial(url string, options *Options) (dcb.EventStore, error) {
	store, err := client.Dial(url, (*client.Options)(options))
	if err != nil {
		return nil, err
	}
	return store, nil
}
