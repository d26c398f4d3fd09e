// Package umadb is an event store with dynamic consistency boundaries
// (https://dcb.events). Open opens a store in the same process, and Dial
// connects to a server. Both return a dcb.EventStore.
package umadb

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/store"
)

// Options configures an embedded store. The zero value is valid.
type Options struct {
	// Logger receives messages about recovery, index rebuilds and failures. The
	// default is no logging.
	Logger *slog.Logger
	// SegmentBytes is the size in bytes at which a log file is full and the next
	// one is started. The default is 256 MiB.
	SegmentBytes int64
	// CacheBytes is the maximum size in bytes of the cache, which contains index
	// pages and events that were read by query. The default is 64 MiB.
	CacheBytes int64
	// Limits bounds the size of a request.
	Limits dcb.Limits
}

// Open opens the event store in a directory and creates it if it does not
// exist. The directory is locked until Close. options may be nil.
//
// Open fails with dcb.ErrIO if the store is locked by another process or a file
// operation fails, with dcb.ErrCorruption if the stored data is corrupt, and
// with dcb.ErrInvalidArgument if the path contains something other than a store.
func Open(dir string, options *Options) (dcb.EventStore, error) {
	if options == nil {
		options = new(Options)
	}
	return opened(store.Open(dir, &store.Options{
		Logger:       options.Logger,
		SegmentBytes: options.SegmentBytes,
		CacheBytes:   options.CacheBytes,
		Limits:       options.Limits,
	}))
}

// DialOptions configures a connection. The zero value is valid.
type DialOptions struct {
	// CAFile is a PEM file with the root certificates that are used to verify
	// the server's certificate. If it is empty, the system's roots are used.
	CAFile string
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
	// ping. The default, and the minimum, is 10 seconds.
	KeepAlive time.Duration
	// KeepAliveTimeout is how long the client waits for the reply to a ping
	// before it closes the connection. The default is 10 seconds.
	KeepAliveTimeout time.Duration
	// NoResume ends a subscription with dcb.ErrTransport when its connection
	// breaks, and without an error when the server stops. By default the
	// subscription resumes after the last event it received; it fails if it
	// cannot resume within a minute.
	NoResume bool
}

// Format prints the options without the API key, for every verb.
func (o DialOptions) Format(s fmt.State, verb rune) { client.Options(o).Format(s, verb) }

// MarshalJSON encodes the options without the API key, so that they can be logged.
func (o DialOptions) MarshalJSON() ([]byte, error) { return client.Options(o).MarshalJSON() }

// Dial connects to an UmaDB server. The URL is http://host:port or
// grpc://host:port without TLS, or https://host:port or grpcs://host:port with
// TLS. options may be nil. Dial fails with dcb.ErrTransport if it cannot
// connect, and with dcb.ErrInvalidArgument if the URL or an option is invalid.
func Dial(url string, options *DialOptions) (dcb.EventStore, error) {
	return opened(client.Dial(url, (*client.Options)(options)))
}

// opened converts a store to the interface, so that an error comes with a nil
// interface rather than with a nil pointer in one.
func opened[S dcb.EventStore](s S, err error) (dcb.EventStore, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}
