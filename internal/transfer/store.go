package transfer

import (
	"context"
	"iter"

	"github.com/umadb-go/umadb/dcb"
)

// Log is a store whose log can be read. The embedded store is one.
type Log interface {
	// Records iterates over the events and, at position 0, tracking-only records in log
	// order.
	Records(ctx context.Context) iter.Seq2[dcb.SequencedEvent, error]
}

// Source is the part of dcb.EventStore that a copy reads from.
type Source interface {
	Read(ctx context.Context, query dcb.Query, options dcb.ReadOptions) *dcb.ReadResponse
	Head(ctx context.Context) (uint64, error)
	GetTrackingInfo(ctx context.Context, source string) (uint64, bool, error)
}

// Server is a client of a server. Its store may be another one after a new connection.
type Server interface {
	Source
	Subscribe(ctx context.Context, query dcb.Query, after uint64, options ...dcb.SubscribeOptions) iter.Seq2[dcb.SequencedEvent, error]
	// Connections returns the number of connections that were opened so far.
	Connections() uint64
}

// Target is a store that records are copied to. The embedded store is one.
type Target interface {
	Source
	// TrackingSources iterates over all tracking sources with their positions.
	TrackingSources(ctx context.Context) iter.Seq2[dcb.TrackingInfo, error]
	// Restore writes all of the records durably, or none, with their positions.
	Restore(ctx context.Context, records []dcb.SequencedEvent) error
}
