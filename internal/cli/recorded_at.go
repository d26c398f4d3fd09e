package cli

import (
	"context"
	"io"
	"math"
	"time"

	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/dcb"
)

// recordedAt are the flags that select events by the time at which they were recorded.
type recordedAt struct{ since, until moment }

const momentForms = "how long ago, as in 2h or 3d, a time such as 2026-11-26T14:30:00Z, or a date in UTC"

// addSince adds the flag --since.
func (r *recordedAt) addSince(flags *pflag.FlagSet) {
	flags.Var(&r.since, "since", "only events recorded at this `time` or later: "+momentForms)
	perCall(flags, "since")
}

// addUntil adds the flag --until.
func (r *recordedAt) addUntil(flags *pflag.FlagSet) {
	flags.Var(&r.until, "until", "only events recorded at this `time` or earlier: as for --since")
	perCall(flags, "until")
}

// given reports whether one of the flags is given.
func (r *recordedAt) given() bool { return r.since.text != "" || r.until.text != "" }

// validate rejects flags that contradict each other.
func (r *recordedAt) validate() error {
	if r.since.text != "" && r.until.text != "" && r.until.Before(r.since.Time) {
		return usageErrorf("--until %s is before --since %s: no event can match", r.until.text, r.since.text)
	}
	return nil
}

// validateFollowed rejects a time before which events may still come: events are followed by position.
func (r *recordedAt) validateFollowed() error {
	if r.since.After(time.Now()) {
		return usageErrorf("--since %s is in the future: events cannot be followed from then on", r.since.text)
	}
	return nil
}

// positions returns the first and the last position of the events that the flags select. The first
// is above the last if there is none. Without a flag, there is no bound.
func (r *recordedAt) positions(ctx context.Context, s dcb.EventStore) (bounds, error) {
	all := bounds{first: 1, last: math.MaxUint64}
	if r.since.text != "" {
		before, err := s.PositionAt(ctx, r.since.Add(-time.Nanosecond))
		if err != nil {
			return all, err
		}
		all.first = before + 1
	}
	if r.until.text != "" {
		var err error
		if all.last, err = s.PositionAt(ctx, r.until.Time); err != nil {
			return all, err
		}
	}
	return all, nil
}

// bounds are the first and the last position of some events.
type bounds struct{ first, last uint64 }

// count returns the number of events from the first one to a position.
func (b bounds) count(position uint64) uint64 { return max(position, b.first-1) - (b.first - 1) }

// read reads the events within the bounds. The options may restrict them further.
func (b bounds) read(ctx context.Context, s dcb.EventStore, query dcb.Query, options dcb.ReadOptions) *dcb.ReadResponse {
	if b.first == 1 && b.last == math.MaxUint64 {
		return s.Read(ctx, query, options)
	}
	if b.first > b.last {
		return dcb.NewReadResponse(func() ([]dcb.SequencedEvent, uint64, error) { return nil, 0, io.EOF }, func() {})
	}
	if start := options.Start; options.Backwards && (start == nil || *start > b.last) && b.last < math.MaxUint64 {
		options.Start = &b.last
	} else if !options.Backwards && (start == nil || *start < b.first) && b.first > 1 {
		options.Start = &b.first
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
			if position := batch[i].Position; position < b.first || position > b.last {
				batch, ended = batch[:i], true // the others are outside too
				break
			}
		}
		head, err := response.Head()
		return batch, head, err
	}
	return dcb.NewReadResponse(next, response.Close)
}
