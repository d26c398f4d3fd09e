package store

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// Options configure a store. The zero value works. Open copies them.
type Options struct {
	// FS is the file system. The default is that of the operating system.
	FS vfs.FS
	// Logger receives messages about recovery, rebuilding and failures. The default
	// discards them.
	Logger *slog.Logger
	// MustExist makes Open fail with dcb.ErrInvalidArgument if there is no store,
	// instead of creating one.
	MustExist bool
	// ReadOnly opens an existing store for reading, also if another process has it open. It
	// takes no lock and changes nothing: Open ignores what it would repair otherwise.
	// Appends fail with dcb.ErrInvalidArgument.
	ReadOnly bool
	// SegmentBytes is the size at which a segment of the log is full. The default is
	// 256 MiB.
	SegmentBytes int64
	// CacheBytes bounds the memory of cached index pages and events. The default is
	// 64 MiB.
	CacheBytes int64
	// MaxDiskBytes bounds the disk space: appends are refused before the log and the
	// index take more. The default is no limit.
	MaxDiskBytes int64
	// ScrubPeriod is the time in which the log and the index are read and verified once, in
	// the background. The default 0 means never.
	ScrubPeriod time.Duration
	// BlockEvents is the number of events in a full head block, which is then written
	// to a file. The default is 65,536.
	BlockEvents int
	// Limits bound the size of requests.
	Limits dcb.Limits
}

func (o *Options) withDefaults() Options {
	var options Options
	if o != nil {
		options = *o
	}
	if options.FS == nil {
		options.FS = vfs.OS{}
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.CacheBytes == 0 {
		options.CacheBytes = 64 << 20
	}
	if options.BlockEvents == 0 {
		options.BlockEvents = 64 << 10
	}
	options.Limits = options.Limits.WithDefaults()
	return options
}

// Limits of the format (see index.Location), with a margin.
const (
	maxSegmentBytes = 256 << 30
	maxEventBytes   = 15 << 20
	maxRequestBytes = 1 << 30
	// A request of maxRequestEvents events with the longest source takes less than 4 GiB.
	maxRequestEvents = 4 << 20
)

// errReadOnly is returned by an append to a read-only store.
var errReadOnly = &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "the store was opened read-only; to append, open it without this option"}

// validate returns an error if an option exceeds the limits of the format.
func (o *Options) validate() error {
	for _, bound := range []struct {
		name       string
		value, max int64
	}{
		{"SegmentBytes", o.SegmentBytes, maxSegmentBytes},
		{"CacheBytes", o.CacheBytes, math.MaxInt64},
		{"MaxDiskBytes", o.MaxDiskBytes, math.MaxInt64},
		{"ScrubPeriod", int64(o.ScrubPeriod), math.MaxInt64},
		{"BlockEvents", int64(o.BlockEvents), math.MaxUint32},
		{"Limits.EventBytes", int64(o.Limits.EventBytes), maxEventBytes},
		{"Limits.RequestBytes", int64(o.Limits.RequestBytes), maxRequestBytes},
		{"Limits.RequestEvents", int64(o.Limits.RequestEvents), maxRequestEvents},
		{"Limits.EventTags", int64(o.Limits.EventTags), math.MaxInt32},
		{"Limits.RequestTags", int64(o.Limits.RequestTags), math.MaxInt32},
		{"Limits.RequestMetadata", int64(o.Limits.RequestMetadata), math.MaxInt32},
		{"Limits.QueryTerms", int64(o.Limits.QueryTerms), math.MaxInt32},
	} {
		if bound.value < 0 || bound.value > bound.max {
			return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("option %s is %d; it must be between 0 (the default) and %d", bound.name, bound.value, bound.max)}
		}
	}
	return nil
}

func newStoreID() (id eventlog.StoreID, err error) {
	_, err = rand.Read(id[:])
	return id, err
}

const (
	// termBytes bounds the memory of a term of a query while it is evaluated.
	termBytes = 700
	// largestHeadBlockMemory bounds the memory of a head block with a single request that
	// exceeds maxHeadBlockMemory.
	largestHeadBlockMemory = 40 << 20
)

// MemoryBound returns an approximate upper bound, in bytes, of the memory that a store
// with these options takes for all calls together. Requests, parsed queries and
// messages are not included.
func MemoryBound(options *Options) int64 {
	o := options.withDefaults()
	groups := 2 * int64(maxGroupBytes+o.Limits.RequestBytes) // one is filled, one is written
	return o.CacheBytes + maxHeadBlocksMemory + largestHeadBlockMemory + groups + expensiveTerms*termBytes
}
