package storetest_test

import (
	"context"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/storetest"
)

// withTimes returns a store that changes the recorded times of events that are read.
func withTimes(change func(position uint64, at time.Time) time.Time) broken {
	return broken{read: eachRead(func(e *dcb.SequencedEvent) { e.RecordedAt = change(e.Position, e.RecordedAt) })}
}

// atTime returns a store with another PositionAt.
func atTime(positionAt func(*storetest.Naive, context.Context, time.Time) (uint64, error)) broken {
	return broken{positionAt: positionAt}
}

var timeBugs = []bug{
	{"recorded times are forgotten", withTimes(func(uint64, time.Time) time.Time { return time.Time{} }), []string{
		"times/the recorded times never decrease",
	}},
	{"the clock goes back", withTimes(func(position uint64, at time.Time) time.Time { return at.Add(-time.Duration(position) * time.Hour) }), []string{
		"times/the recorded times never decrease",
	}},
	{"each event has a time of its own", withTimes(func(position uint64, at time.Time) time.Time { return at.Add(time.Duration(position) * time.Second) }), []string{
		"times/all events of an append have one recorded time",
		"times/the position at a time is that of the last event recorded until then",
	}},
	{"the position at a time excludes the time", atTime(func(n *storetest.Naive, ctx context.Context, at time.Time) (uint64, error) {
		return n.PositionAt(ctx, at.Add(-time.Nanosecond))
	}), []string{
		"times/the position at a time is that of the last event recorded until then",
	}},
	{"the position at any time is the head", atTime(func(n *storetest.Naive, ctx context.Context, _ time.Time) (uint64, error) {
		return n.Head(ctx)
	}), []string{
		"times/the position at a time is that of the last event recorded until then",
		"times/the position at a time before all events is 0",
	}},
	{"the position at a time in the future is unknown", atTime(func(n *storetest.Naive, ctx context.Context, at time.Time) (uint64, error) {
		if at.After(time.Now()) {
			return 0, nil
		}
		return n.PositionAt(ctx, at)
	}), []string{
		"times/the position at a time in the future is the head",
	}},
}
