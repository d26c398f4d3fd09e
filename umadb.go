// Package umadb is an event store with dynamic consistency boundaries
// (https://dcb.events): embedded in the program, by Open, or on a server, by
// Dial. Both give the same interface, dcb.EventStore.
package umadb

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/store"
)

// Options shape an embedded store. The zero value works.
type Options struct {
	// Logger is told of recovery, rebuilding and failures. Default none.
	Logger *slog.Logger
	// SegmentBytes is the size at which a file of the log is full and the next is
	// begun. Default 256 MiB.
	SegmentBytes int64
	// CacheBytes bounds the pages of the index and the events, read by query, that
	// are held in memory. Default 64 MiB.
	CacheBytes int64
	// Limits bound what one request may hold.
	Limits dcb.Limits
}

// Open opens the event store in a directory, and makes it if there is none. The
// directory is this program's until Close. options may be nil.
//
// It fails with dcb.ErrIO if another has the store open or a file cannot be
// used, with dcb.ErrCorruption if data is damaged, and with
// dcb.ErrInvalidArgument if the path holds something else.
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

// DialOptions shape a connection. The zero value works.
type DialOptions struct {
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

// Format prints the options without the API key, whatever the verb.
func (o DialOptions) Format(s fmt.State, verb rune) { client.Options(o).Format(s, verb) }

// MarshalJSON encodes the options without the API key, for logs in JSON.
func (o DialOptions) MarshalJSON() ([]byte, error) { return client.Options(o).MarshalJSON() }

// Dial connects to an UmaDB server: http://host:port or grpc://… without TLS,
// https://… or grpcs://… with it. options may be nil. It fails with
// dcb.ErrTransport if there is no server, and with dcb.ErrInvalidArgument if the
// URL or an option cannot be used.
func Dial(url string, options *DialOptions) (dcb.EventStore, error) {
	return opened(client.Dial(url, (*client.Options)(options)))
}

// opened keeps a nil pointer from becoming an interface that is not nil.
func opened[S dcb.EventStore](s S, err error) (dcb.EventStore, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}
