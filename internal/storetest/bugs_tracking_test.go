package storetest_test

import (
	"context"
	"errors"
	"math"
	"strings"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/storetest"
)

// withTracking returns a store that changes the tracking of appends.
func withTracking(change func(n *storetest.Naive, tracking dcb.TrackingInfo) *dcb.TrackingInfo) broken {
	return onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		if a.tracking != nil {
			a.tracking = change(n, *a.tracking)
		}
		return a.to(n)
	})
}

// recorded returns the recorded position of the source and whether it has one.
func recorded(n *storetest.Naive, t dcb.TrackingInfo) (uint64, bool) {
	last, known, _ := n.GetTrackingInfo(context.Background(), t.Source)
	return last, known
}

var trackingBugs = []bug{
	{"tracking is not recorded", withTracking(func(*storetest.Naive, dcb.TrackingInfo) *dcb.TrackingInfo { return nil }), []string{
		"tracking/a higher position is recorded",
		"tracking/a source may be any text",
		"tracking/a source may be empty",
		"tracking/a tracking conflict refuses an append whose condition holds",
		"subscribing/events are delivered unchanged",
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
		"tracking/the first position may have any value",
		"tracking/a higher position is recorded",
		"tracking/the same position again is refused",
		"tracking/tracking is returned with each event of the append",
	}},
	{"positions are signed numbers", withTracking(func(_ *storetest.Naive, t dcb.TrackingInfo) *dcb.TrackingInfo {
		t.Position = min(t.Position, math.MaxInt64)
		return &t
	}), []string{"tracking/the first position may have any value", "tracking/a higher position is recorded"}},
	{"the same position is accepted", withTracking(func(n *storetest.Naive, t dcb.TrackingInfo) *dcb.TrackingInfo {
		if last, known := recorded(n, t); known && t.Position == last {
			return nil
		}
		return &t
	}), []string{
		"tracking/the same position again is refused",
		"tracking/one of many concurrent appends at the same position succeeds",
		"tracking/tracking is recorded without events",
		"tracking/tracking survives later appends",
		"errors/a tracking conflict is an integrity error",
		"conditions/concurrent appends are serializable",
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
	}), []string{"tracking/a higher position is recorded"}},
	{"all sources share one position", broken{
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
		"tracking/tracking survives later appends",
	}},
	{"sources end at a zero byte or space", broken{
		append: withTracking(func(_ *storetest.Naive, t dcb.TrackingInfo) *dcb.TrackingInfo {
			t.Source = strings.TrimRight(t.Source, "\x00 ")
			return &t
		}).append,
	}, []string{"tracking/a source may be any text"}},
	{"the empty source is ignored", withTracking(func(_ *storetest.Naive, t dcb.TrackingInfo) *dcb.TrackingInfo {
		if t.Source == "" {
			return nil
		}
		return &t
	}), []string{"tracking/a source may be empty"}},
	{"a tracking conflict drops the tracking but not the events", whenRefused(func(n *storetest.Naive, a appending, err error) (uint64, error) {
		if a.tracking != nil && errors.Is(err, dcb.ErrIntegrity) {
			n.Append(a.ctx, a.events, a.condition, nil)
		}
		return 0, err
	}), []string{
		"tracking/the same position again is refused",
		"tracking/a lower position is refused",
		"tracking/a tracking conflict refuses an append whose condition holds",
		"tracking/tracking survives later appends",
	}},
	{"a failed condition advances tracking", whenRefused(func(n *storetest.Naive, a appending, err error) (uint64, error) {
		n.Append(a.ctx, nil, nil, a.tracking)
		return 0, err
	}), []string{
		"tracking/a failed condition does not advance tracking",
		"tracking/a failed condition without events does not advance tracking",
		"events/one invalid event rejects the whole append",
	}},
	{"tracking without events is dropped", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		if len(a.events) == 0 {
			a.tracking = nil
		}
		return a.to(n)
	}), []string{"tracking/tracking is recorded without events"}},
	{"tracking is returned with the last event only", broken{read: eachRead(func(event *dcb.SequencedEvent) {
		if event.Tracking != nil && event.Position%2 == 0 {
			event.Tracking = nil
		}
	})}, []string{"tracking/tracking is returned with each event of the append"}},
	{"tracking is forgotten", broken{tracking: func(n *storetest.Naive, ctx context.Context, source string) (uint64, bool, error) {
		position, known, err := n.GetTrackingInfo(ctx, source)
		if head, _ := n.Head(ctx); head > 1000 {
			known = false
		}
		return position, known, err
	}}, []string{"tracking/tracking survives later appends"}},
}
