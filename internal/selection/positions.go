package selection

import (
	"context"
	"io"
	"math"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

// Positions are the positions of some events in sequence: from First to Last. There is none if
// First is above Last.
type Positions struct{ First, Last uint64 }

// All are all positions.
var All = Positions{1, math.MaxUint64}

// RecordedBetween returns the positions of the events that were recorded from one time to another.
// A time that is zero is no bound.
func RecordedBetween(ctx context.Context, s dcb.EventStore, since, until time.Time) (Positions, error) {
	p := All
	if !since.IsZero() {
		before, err := s.PositionAt(ctx, since.Add(-time.Nanosecond))
		if err != nil {
			return p, err
		}
		p.First = before + 1
	}
	if !until.IsZero() {
		var err error
		if p.Last, err = s.PositionAt(ctx, until); err != nil {
			return p, err
		}
	}
	return p, nil
}

// Positions returns the positions at which the events of a selection are read forwards: those of its
// times, from its start on.
func (s *Selection) Positions(ctx context.Context, events dcb.EventStore) (Positions, error) {
	p, err := RecordedBetween(ctx, events, s.Since, s.Until)
	if start := s.Options.Start; start != nil {
		p.First = max(p.First, *start)
	}
	return p, err
}

// After returns the position after which the events start: the one before the first event, or a later one.
func (p Positions) After(position uint64) uint64 { return max(position, p.First-1) }

// Bounds returns the bounds with which dcb.TermIndex.CountEvents counts the events after a position.
func (p Positions) Bounds(after uint64) []uint64 {
	after = p.After(after)
	return []uint64{after, max(after, p.Last)}
}

// Count returns the number of events from the first one to a position.
func (p Positions) Count(position uint64) uint64 { return p.After(position) - p.After(0) }

// Read reads the events at these positions. The options may restrict them further.
func (p Positions) Read(ctx context.Context, s dcb.EventStore, query dcb.Query, options dcb.ReadOptions) *dcb.ReadResponse {
	if p == All {
		return s.Read(ctx, query, options)
	}
	if p.First > p.Last {
		return dcb.NewReadResponse(func() ([]dcb.SequencedEvent, uint64, error) { return nil, 0, io.EOF }, func() {})
	}
	if start := options.Start; options.Backwards && (start == nil || *start > p.Last) && p.Last < math.MaxUint64 {
		options.Start = &p.Last
	} else if !options.Backwards && (start == nil || *start < p.First) && p.First > 1 {
		options.Start = &p.First
	}
	response := s.Read(ctx, query, options)
	ended := false
	next := func() ([]dcb.SequencedEvent, uint64, error) {
		if ended {
			return nil, 0, io.EOF
		}
		batch, err := response.NextBatch()
		if err != nil {
			return nil, 0, err
		}
		for i := range batch {
			if position := batch[i].Position; position < p.First || position > p.Last {
				batch, ended = batch[:i], true // the others are outside too
				break
			}
		}
		head, err := response.Head()
		return batch, head, err
	}
	return dcb.NewReadResponse(next, response.Close)
}
