package dcb

import (
	"context"
	"iter"
	"time"
)

// EventStore is an event log with reads by query and conditional appends. It is
// implemented by the embedded store and by the client of a server. Its methods
// may be called from several goroutines at the same time.
type EventStore interface {
	// Append stores all events in order, or none of them, and returns the
	// position of the last one, or 0 if there are no events. The events are
	// durable when Append returns. condition and tracking may be nil.
	//
	// With a condition, Append fails with ErrIntegrity if an event at a position
	// greater than condition.After matches the query. If the same append was
	// made before and every event has a UUID, Append recognises the retry and
	// returns the position of the first attempt instead.
	//
	// With tracking, the upstream position is recorded atomically with the
	// events. Append fails with ErrIntegrity if the position is not greater than
	// the last one recorded for the source.
	Append(ctx context.Context, events []Event, condition *AppendCondition, tracking *TrackingInfo) (uint64, error)

	// Read returns the events that match the query, out of those that are stored
	// when the read starts. The methods of the response return the errors.
	Read(ctx context.Context, query Query, options ReadOptions) *ReadResponse

	// Subscribe returns an iterator over the events that match the query at
	// positions greater than after: first the stored events, then new events as
	// they are appended, without gaps or duplicates. The iterator ends without
	// an error when the store or the server is closed, and yields an error when
	// ctx is done. Each range over it starts a new subscription. At most one
	// SubscribeOptions may be given.
	Subscribe(ctx context.Context, query Query, after uint64, options ...SubscribeOptions) iter.Seq2[SequencedEvent, error]

	// Head returns the position of the last event, or 0 if the store is empty.
	Head(ctx context.Context) (uint64, error)

	// PositionAt returns the position of the last event recorded at a time or before, or 0 if
	// there is none: the head as it was then. For a time in the future, it is the head of now.
	PositionAt(ctx context.Context, t time.Time) (uint64, error)

	// GetTrackingInfo returns the last recorded upstream position of a source,
	// and reports whether there is one.
	GetTrackingInfo(ctx context.Context, source string) (uint64, bool, error)

	// Close ends subscriptions, waits for the calls in progress, and releases
	// all resources.
	Close() error
}

// ReadOptions restricts a read. The zero value reads all events in order.
type ReadOptions struct {
	// Start is the first position to read, in either direction. If it is nil,
	// the read starts at the first event, or at the last one if Backwards is set.
	Start *uint64
	// Backwards selects descending order of positions.
	Backwards bool
	// Limit is the maximum number of events to return; nil means no limit.
	Limit *uint32
}
