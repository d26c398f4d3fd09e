package dcb

import (
	"context"
	"iter"
)

// EventStore is an event log that is read by query and appended to on
// condition. The embedded store and the remote client both satisfy it. All
// methods may be called from many goroutines.
type EventStore interface {
	// Append writes all events, in order, or none, and returns the position of
	// the last; 0 if there are no events. The events are durable when it returns.
	//
	// With a condition, an event above condition.After that matches its query
	// makes the append fail with ErrIntegrity, unless it turns out to be this
	// very append made before: then its position is returned again. To be
	// recognised so, every event needs a UUID.
	//
	// With tracking, the upstream position is recorded atomically with the
	// events; one not greater than the recorded one fails with ErrIntegrity.
	Append(ctx context.Context, events []Event, condition *AppendCondition, tracking *TrackingInfo) (uint64, error)

	// Read gives the events that match the query, as of the moment it begins.
	// Errors come from the response.
	Read(ctx context.Context, query Query, options ReadOptions) *ReadResponse

	// Subscribe gives the events above position after that match the query:
	// those stored, then those to come, without gap or duplicate. It ends
	// without an error when the store or the server closes, and with one when
	// ctx is done. It begins anew each time it is ranged over.
	Subscribe(ctx context.Context, query Query, after uint64) iter.Seq2[SequencedEvent, error]

	// Head returns the position of the last event, 0 if there is none.
	Head(ctx context.Context) (uint64, error)

	// GetTrackingInfo returns the last recorded upstream position of a source,
	// and whether there is one.
	GetTrackingInfo(ctx context.Context, source string) (uint64, bool, error)

	// Close ends subscriptions, finishes what is under way, and frees everything.
	Close() error
}

// ReadOptions narrow a read. The zero value reads everything forwards.
type ReadOptions struct {
	// Start is the first position to read from, inclusive in both directions;
	// nil for the first event, or the last if Backwards.
	Start *uint64
	// Backwards reads from higher positions to lower ones.
	Backwards bool
	// Limit is the greatest number of events to give; nil for no limit.
	Limit *uint32
}
