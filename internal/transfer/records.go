package transfer

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
)

// Records iterates over the content of a store in the order of its log. It ends with the
// end record or an error.
type Records = iter.Seq2[ndjson.Record, error]

// FromLog returns all records of a store.
func FromLog(ctx context.Context, log Log) Records {
	return func(yield func(ndjson.Record, error) bool) {
		head := uint64(0)
		for stored, err := range log.Records(ctx) {
			head = max(head, stored.Position)
			if !yield(ndjson.Record{SequencedEvent: stored}, err) || err != nil {
				return
			}
		}
		yield(ndjson.Record{End: &ndjson.End{Head: head}}, nil)
	}
}

// FromServer returns the current events of a server, followed by tracking-only records of
// the given sources.
func FromServer(ctx context.Context, s Source, tracking Tracking) Records {
	return fromPosition(ctx, s, tracking, 1)
}

// FromPart returns the events of a store from one position to another, without tracking-only
// records. The end record has the position of the last one.
func FromPart(ctx context.Context, s Source, first, last uint64) Records {
	return between(ctx, s, nil, first, last)
}

// fromPosition is FromServer for the events from a position on.
func fromPosition(ctx context.Context, s Source, tracking Tracking, from uint64) Records {
	return between(ctx, s, tracking, from, math.MaxUint64)
}

// between is FromServer for the events from one position to another. It queries the tracking
// before it reads the events: so an event with one of these tracking positions is among
// those that are read.
func between(ctx context.Context, s Source, tracking Tracking, from, to uint64) Records {
	return func(yield func(ndjson.Record, error) bool) {
		var unmatched map[string]uint64
		if tracking != nil {
			var err error
			if unmatched, err = tracking(ctx); err != nil {
				yield(ndjson.Record{}, err)
				return
			}
		}
		read := s.Read(ctx, dcb.Query{}, dcb.ReadOptions{Start: &from})
		defer read.Close()
		last := from - 1
		for event, err := range read.All() {
			if err == nil && event.Position > to {
				break
			}
			if err == nil && event.Position != last+1 {
				err = positionError(event.Position, last+1)
			}
			last = event.Position
			if info := event.Tracking; info != nil {
				if position, named := unmatched[info.Source]; named && position <= info.Position {
					delete(unmatched, info.Source)
				}
			}
			if !yield(ndjson.Record{SequencedEvent: event}, err) || err != nil {
				return
			}
		}
		head, err := read.Head() // some servers send it only at the end
		if err != nil {
			yield(ndjson.Record{}, err)
			return
		}
		head = min(head, to)
		if due := max(head, from-1); last != due {
			yield(ndjson.Record{}, fmt.Errorf("the server's response ends at position %d, but its head is %d; run the command again", last, due))
			return
		}
		for _, name := range slices.Sorted(maps.Keys(unmatched)) {
			info := &dcb.TrackingInfo{Source: name, Position: unmatched[name]}
			if !yield(ndjson.Record{SequencedEvent: dcb.SequencedEvent{Tracking: info}}, nil) {
				return
			}
		}
		yield(ndjson.Record{End: &ndjson.End{Head: head}}, nil)
	}
}

// positionError returns the error for a source whose positions are not contiguous.
func positionError(position, want uint64) error {
	return fmt.Errorf("the source has position %d instead of %d: it is not a complete store; export it again", position, want)
}
