package storetest_test

import (
	"context"
	"errors"
	"math"
	"strings"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/storetest"
)

// withTracking is a store that changes the tracking of appends.
func withTracking(change func(n *storetest.Naive, tracking dcb.TrackingInfo) *dcb.TrackingInfo) broken {
	return onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		if a.tracking != nil {
			a.tracking = change(n, *a.tracking)
		}
		return a.to(n)
	})
}

// recorded gives what a store knows of the source, and whether it knows it.
func recorded(n *storetest.Naive, t dcb.TrackingInfo) (uint64, bool) {
	last, known, _ := n.GetTrackingInfo(context.Background(), t.Source)
	return last, known
}

var trackingBugs = []bug{
	{"tracking is not recorded", withTracking(func(*storetest.Naive, dcb.TrackingInfo) *dcb.TrackingInfo { return nil }), []string{
		"tracking/a greater position is recorded",
		"tracking/a source may be any text",
		"tracking/a source may be empty",
		"tracking/an append that holds its condition is refused by it all the same",
		"subscribing/events come as they were appended",
	}},
	{"every source is known", broken{tracking: func(n *storetest.Naive, ctx context.Context, source string) (uint64, bool, error) {
		position, _, err := n.GetTrackingInfo(ctx, source)
		return position, true, err
	}}, []string{"tracking/an unknown source has no position"}},
	{"position 0 is no position", withTracking(func(_ *storetest.Naive, t dcb.TrackingInfo) *dcb.TrackingInfo {
		if t.Position == 0 {
			return nil
		}
		return &t
	}), []string{
		"tracking/the first position may be anything",
		"tracking/a greater position is recorded",
		"tracking/the same position again is refused",
		"tracking/it comes back on each event of the append",
	}},
	{"positions are signed numbers", withTracking(func(_ *storetest.Naive, t dcb.TrackingInfo) *dcb.TrackingInfo {
		t.Position = min(t.Position, math.MaxInt64)
		return &t
	}), []string{"tracking/the first position may be anything", "tracking/a greater position is recorded"}},
	{"the same position is accepted", withTracking(func(n *storetest.Naive, t dcb.TrackingInfo) *dcb.TrackingInfo {
		if last, known := recorded(n, t); known && t.Position == last {
			return nil
		}
		return &t
	}), []string{
		"tracking/the same position again is refused",
		"tracking/of many concurrent appends at one position one wins",
		"tracking/it is recorded without events",
		"tracking/it is kept through what comes after",
		"errors/a tracking conflict is an integrity error",
		"conditions/concurrent appends happen in one order",
	}},
	{"a lower position is accepted", withTracking(func(n *storetest.Naive, t dcb.TrackingInfo) *dcb.TrackingInfo {
		if last, known := recorded(n, t); known && t.Position < last {
			return nil
		}
		return &t
	}), []string{"tracking/a lower position is refused", "tracking/sources are independent"}},
	{"positions must not leave gaps", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		if a.tracking != nil {
			if last, known := recorded(n, *a.tracking); known && a.tracking.Position > last+1 {
				return 0, errConflict
			}
		}
		return a.to(n)
	}), []string{"tracking/a greater position is recorded"}},
	{"all sources are one", broken{
		append: withTracking(func(_ *storetest.Naive, t dcb.TrackingInfo) *dcb.TrackingInfo {
			t.Source = "one"
			return &t
		}).append,
		tracking: func(n *storetest.Naive, ctx context.Context, _ string) (uint64, bool, error) {
			return n.GetTrackingInfo(ctx, "one")
		},
	}, []string{
		"tracking/sources are independent",
		"tracking/an unknown source has no position",
		"tracking/it is kept through what comes after",
	}},
	{"sources end at a zero byte or space", broken{
		append: withTracking(func(_ *storetest.Naive, t dcb.TrackingInfo) *dcb.TrackingInfo {
			t.Source = strings.TrimRight(t.Source, "\x00 ")
			return &t
		}).append,
	}, []string{"tracking/a source may be any text"}},
	{"the empty source is none", withTracking(func(_ *storetest.Naive, t dcb.TrackingInfo) *dcb.TrackingInfo {
		if t.Source == "" {
			return nil
		}
		return &t
	}), []string{"tracking/a source may be empty"}},
	{"a conflict keeps out the tracking but not the events", whenRefused(func(n *storetest.Naive, a appending, err error) (uint64, error) {
		if a.tracking != nil && errors.Is(err, dcb.ErrIntegrity) {
			n.Append(a.ctx, a.events, a.condition, nil)
		}
		return 0, err
	}), []string{
		"tracking/the same position again is refused",
		"tracking/a lower position is refused",
		"tracking/an append that holds its condition is refused by it all the same",
		"tracking/it is kept through what comes after",
	}},
	{"a failed condition advances tracking", whenRefused(func(n *storetest.Naive, a appending, err error) (uint64, error) {
		n.Append(a.ctx, nil, nil, a.tracking)
		return 0, err
	}), []string{
		"tracking/a failed condition does not advance it",
		"tracking/without events a failed condition does not advance it",
		"events/one invalid event keeps out all events of the append",
	}},
	{"tracking without events is dropped", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		if len(a.events) == 0 {
			a.tracking = nil
		}
		return a.to(n)
	}), []string{"tracking/it is recorded without events"}},
	{"tracking comes back on the last event only", broken{read: eachRead(func(event *dcb.SequencedEvent) {
		if event.Tracking != nil && event.Position%2 == 0 {
			event.Tracking = nil
		}
	})}, []string{"tracking/it comes back on each event of the append"}},
	{"tracking is forgotten", broken{tracking: func(n *storetest.Naive, ctx context.Context, source string) (uint64, bool, error) {
		position, known, err := n.GetTrackingInfo(ctx, source)
		if head, _ := n.Head(ctx); head > 1000 {
			known = false
		}
		return position, known, err
	}}, []string{"tracking/it is kept through what comes after"}},
}
