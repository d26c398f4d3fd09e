package store

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"math"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// Options shape a store. The zero value works. They are copied when it opens.
type Options struct {
	// FS is the file system. Default the operating system's.
	FS vfs.FS
	// Logger is told of recovery, rebuilding and failures. Default none.
	Logger *slog.Logger
	// MustExist makes Open fail with dcb.ErrInvalidArgument where there is no
	// store, instead of making one.
	MustExist bool
	// ReadOnly opens a store that is there as it is, and changes nothing: where
	// Open recovers otherwise, it reads past what would be mended. Appends fail
	// with dcb.ErrInvalidArgument.
	ReadOnly bool
	// SegmentBytes is the size at which a segment of the log is full. Default
	// 256 MiB.
	SegmentBytes int64
	// CacheBytes bounds the pages of the index and the events, read by query, that
	// are held in memory. Default 64 MiB.
	CacheBytes int64
	// BlockEvents is how many events the index gathers in memory before it
	// writes a block. Default 65,536.
	BlockEvents int
	// Limits bound what a request may hold.
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

// What the format can express (see index.Location), and some room.
const (
	maxSegmentBytes = 256 << 30
	maxEventBytes   = 15 << 20
	maxRequestBytes = 1 << 30
	// maxRequestEvents of these with the longest source are below 4 GiB.
	maxRequestEvents = 4 << 20
)

// validate refuses what the format cannot hold.
func (o *Options) validate() error {
	for _, bound := range []struct {
		name       string
		value, max int64
	}{
		{"SegmentBytes", o.SegmentBytes, maxSegmentBytes},
		{"CacheBytes", o.CacheBytes, math.MaxInt64},
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
			return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("option %s is %d, and may be from 0, for its default, to %d", bound.name, bound.value, bound.max)}
		}
	}
	return nil
}

func newStoreID() (id eventlog.StoreID, err error) {
	_, err = rand.Read(id[:])
	return id, err
}
