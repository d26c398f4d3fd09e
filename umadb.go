// Package umadb opens an event store with dynamic consistency boundaries
// (https://dcb.events) in the same process. Package client connects to a server
// instead. Both return a dcb.EventStore.
package umadb

import (
	"log/slog"

	"github.com/umadb-go/umadb/dcb"
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
	// MaxDiskBytes bounds the disk space in bytes: appends are refused with dcb.ErrIO
	// before the store takes more. The default is no limit.
	MaxDiskBytes int64
	// ReadOnly opens a store that exists for reading, also while another process, a server
	// for example, has it open. Reads return what is durable when they start, and
	// subscriptions follow. It takes no lock and changes nothing. Appends fail with
	// dcb.ErrInvalidArgument.
	ReadOnly bool
	// Limits bounds the size of a request. dcb.Limits describes the defaults.
	Limits dcb.Limits
}

// Open opens the event store in a directory and creates it if it does not
// exist. The directory is locked until Close, unless it is opened read-only. options
// may be nil.
//
// Open fails with dcb.ErrIO if the store is locked by another process or a file
// operation fails, with dcb.ErrCorruption if the stored data is corrupt, and
// with dcb.ErrInvalidArgument if the path contains something other than a store.
func Open(dir string, options *Options) (dcb.EventStore, error) {
	if options == nil {
		options = new(Options)
	}
	s, err := store.Open(dir, &store.Options{
		Logger:       options.Logger,
		SegmentBytes: options.SegmentBytes,
		CacheBytes:   options.CacheBytes,
		MaxDiskBytes: options.MaxDiskBytes,
		ReadOnly:     options.ReadOnly,
		Limits:       options.Limits,
	})
	if err != nil {
		return nil, err
	}
	return embedded{s}, nil
}

// OpenMemory opens an empty event store in memory, for tests and experiments. Its
// events are lost when it is closed. It takes little time and memory to open, and each
// call opens another store.
func OpenMemory() dcb.EventStore { return embedded{store.OpenMemory()} }
