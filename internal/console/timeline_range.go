package console

import (
	"context"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/selection"
)

// foundRange is a range of times, at a head.
type foundRange struct {
	from, to time.Time // to is exclusive
	head     uint64
	found    bool // an event matches
}

// findRange returns the times of a selection: those that are given, and otherwise those of the first and
// the last event that match. With since alone, the range ends now.
func findRange(ctx context.Context, s dcb.EventStore, wanted selection.Selection) (r foundRange, err error) {
	if r.head, err = s.Head(ctx); err != nil {
		return r, err
	}
	positions, err := selection.RecordedBetween(ctx, s, wanted.Since, wanted.Until)
	if err != nil {
		return r, err
	}
	first, found, err := endOf(ctx, s, positions, wanted.Query, false)
	if err != nil || !found {
		return r, err
	}
	last, found, err := endOf(ctx, s, positions, wanted.Query, true)
	if err != nil || !found {
		return r, err
	}
	r.found, r.from, r.to = true, first, last.Add(time.Nanosecond)
	if !wanted.Since.IsZero() {
		r.from = wanted.Since.UTC()
		r.to = later(r.to, time.Now().UTC())
	}
	if !wanted.Until.IsZero() {
		r.to = wanted.Until.UTC().Add(time.Nanosecond)
	}
	return r, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// endOf returns when the first or the last event was recorded that a query matches.
func endOf(ctx context.Context, s dcb.EventStore, positions selection.Positions, query dcb.Query, backwards bool) (time.Time, bool, error) {
	events, _, err := positions.Read(ctx, s, query, dcb.ReadOptions{Backwards: backwards, Limit: new(uint32(1))}).Collect()
	switch {
	case err != nil || len(events) == 0:
		return time.Time{}, false, err
	case events[0].RecordedAt.IsZero():
		return time.Time{}, false, errNoTimes
	}
	return events[0].RecordedAt.UTC(), true, nil
}

// boundsAt returns, for each time, the position of the last event before it, up to a head. Events
// up to the head do not change, so that all counts between the bounds agree.
func boundsAt(ctx context.Context, s dcb.EventStore, edges []time.Time, head uint64) ([]uint64, error) {
	times := make([]time.Time, len(edges))
	for i, edge := range edges {
		times[i] = edge.Add(-time.Nanosecond)
	}
	bounds, err := positionsAt(ctx, s, times)
	if err != nil {
		return nil, err
	}
	last := uint64(0)
	for i := range bounds { // they descend only if servers of a shared log differ
		last = max(last, min(bounds[i], head))
		bounds[i] = last
	}
	return bounds, nil
}

// maxPeriods is the maximum number of periods of a timeline.
const maxPeriods = 120

// timeStep is the length of the periods of a timeline: a duration, or some months.
type timeStep struct {
	name     string
	duration time.Duration
	months   int
}

const day = 24 * time.Hour

// timeSteps are the steps, ascending. Each is at most some 2.5 times the one before it, so that there
// are at least some 48 periods if there are enough milliseconds.
var timeSteps = []timeStep{
	{"1 ms", time.Millisecond, 0}, {"2 ms", 2 * time.Millisecond, 0}, {"5 ms", 5 * time.Millisecond, 0},
	{"10 ms", 10 * time.Millisecond, 0}, {"20 ms", 20 * time.Millisecond, 0}, {"50 ms", 50 * time.Millisecond, 0},
	{"100 ms", 100 * time.Millisecond, 0}, {"200 ms", 200 * time.Millisecond, 0}, {"500 ms", 500 * time.Millisecond, 0},
	{"1 s", time.Second, 0}, {"2 s", 2 * time.Second, 0}, {"5 s", 5 * time.Second, 0},
	{"10 s", 10 * time.Second, 0}, {"15 s", 15 * time.Second, 0}, {"30 s", 30 * time.Second, 0},
	{"1 min", time.Minute, 0}, {"2 min", 2 * time.Minute, 0}, {"5 min", 5 * time.Minute, 0},
	{"10 min", 10 * time.Minute, 0}, {"15 min", 15 * time.Minute, 0}, {"30 min", 30 * time.Minute, 0},
	{"1 h", time.Hour, 0}, {"2 h", 2 * time.Hour, 0}, {"3 h", 3 * time.Hour, 0}, {"6 h", 6 * time.Hour, 0}, {"12 h", 12 * time.Hour, 0},
	{"1 day", day, 0}, {"2 days", 2 * day, 0}, {"1 week", 7 * day, 0}, {"2 weeks", 14 * day, 0},
	{"1 month", 0, 1}, {"3 months", 0, 3}, {"6 months", 0, 6}, {"1 year", 0, 12}, {"2 years", 0, 24}, {"5 years", 0, 60}, {"10 years", 0, 120},
}

// stepFor returns the smallest step with which a range has at most maxPeriods periods.
func stepFor(from, to time.Time) timeStep {
	for _, step := range timeSteps {
		at := step.begin(from)
		for range maxPeriods {
			at = step.next(at)
		}
		if !at.Before(to) {
			return step
		}
	}
	return timeSteps[len(timeSteps)-1]
}

// begin returns the start of the period that contains a time. Weeks begin on Monday.
func (s timeStep) begin(t time.Time) time.Time {
	if s.months == 0 {
		return t.UTC().Truncate(s.duration)
	}
	year, month, _ := t.UTC().Date()
	months := year*12 + int(month) - 1
	months -= months % s.months
	return time.Date(months/12, time.Month(months%12+1), 1, 0, 0, 0, 0, time.UTC)
}

// next returns the start of the period after one that begins at t.
func (s timeStep) next(t time.Time) time.Time {
	if s.months == 0 {
		return t.Add(s.duration)
	}
	return t.AddDate(0, s.months, 0)
}

// end returns the end of the period that contains a time, or this time if a period begins there.
func (s timeStep) end(t time.Time) time.Time {
	if begin := s.begin(t); !begin.Equal(t) {
		return s.next(begin)
	}
	return t
}

// edges returns the begins of the periods of a range, and the end of the last one. The first and the
// last one are cut at the range. A range up to and including a time at which a period begins has none for
// this instant.
func (s timeStep) edges(from, to time.Time) []time.Time {
	edges := []time.Time{from}
	for at := s.next(s.begin(from)); at.Before(to.Add(-time.Nanosecond)) && len(edges) < maxPeriods; at = s.next(at) {
		edges = append(edges, at)
	}
	return append(edges, to)
}
