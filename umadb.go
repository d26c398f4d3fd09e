// Package umadb is an event store with dynamic consistency boundaries
// (https://dcb.events): embedded in the program, by Open, or on a server, by
// Dial. Both give the same interface, dcb.EventStore.
package umadb

import (
	"log/slog"

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
type DialOptions = client.Options

// Dial connects to an UmaDB server: http://host:port or grpc://… without TLS,
// https://… or grpcs://… with it. options may be nil. It fails with
// dcb.ErrTransport if there is no server, and with dcb.ErrInvalidArgument if the
// URL or an option cannot be used.
func Dial(url string, options *DialOptions) (dcb.EventStore, error) {
	return opened(client.Dial(url, options))
}

// opened keeps a nil pointer from becoming an interface that is not nil.
func opened[S dcb.EventStore](s S, err error) (dcb.EventStore, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}
