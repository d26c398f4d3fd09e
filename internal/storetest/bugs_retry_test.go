package storetest_test

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/storetest"
)

var errConflict = &dcb.Error{Kind: dcb.ErrIntegrity, Detail: "conflict"}

// whenConflict returns a store that accepts more appends with a failed condition as
// retries.
func whenConflict(more func(*storetest.Naive, appending) (uint64, error)) broken {
	return whenRefused(func(n *storetest.Naive, a appending, err error) (uint64, error) {
		if errors.Is(err, dcb.ErrIntegrity) && a.inConflict(n) {
			return more(n, a)
		}
		return 0, err
	})
}

// whenRetried returns a store that treats a recognised retry differently.
func whenRetried(other func(*storetest.Naive, appending, uint64) (uint64, error)) broken {
	return onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		retried := a.inConflict(n)
		position, err := a.to(n)
		if retried && err == nil {
			return other(n, a, position)
		}
		return position, err
	})
}

// again makes the same request with other events.
func (a appending) again(n *storetest.Naive, events []dcb.Event) (uint64, error) {
	if len(events) == 0 || !a.inConflict(n) {
		return 0, errConflict
	}
	a.events = events
	return a.to(n)
}

var retryBugs = []bug{
	{"nothing is a retry", whenRetried(func(*storetest.Naive, appending, uint64) (uint64, error) { return 0, errConflict }), []string{
		"retry/a repeated append returns the same position",
		"retry/a retry is recognised after later appends",
		"retry/a retry is recognised with a condition after some position",
		"retry/a retry is recognised with an empty query",
		"retry/a prefix of the events is a retry",
		"retry/only UUIDs are compared",
		"retry/the form of a UUID does not matter",
		"retry/the first of several copies counts",
		"retry/the tracking of a retry is ignored",
		"retry/concurrent copies of an append are written once",
	}},
	{"everything is a retry", whenConflict(func(n *storetest.Naive, a appending) (uint64, error) { return n.Head(a.ctx) }), []string{
		"retry/events without UUIDs are never a retry",
		"retry/a replaced event is not a retry",
		"retry/an additional first event is not a retry",
		"retry/other events are not a retry",
		"retry/the same event twice is not a retry",
		"retry/an append that repeats a UUID is never a retry",
		"retry/events that are not contiguous are not a retry",
		"conditions/the append fails if an event matches",
	}},
	{"a retry is written again", whenRetried(func(n *storetest.Naive, a appending, _ uint64) (uint64, error) {
		return n.Append(a.ctx, a.events, nil, nil)
	}), []string{
		"retry/a repeated append returns the same position",
		"retry/events of several appends are a retry",
		"retry/the query may match only some of the events",
	}},
	{"a retry gets the position of the head", whenRetried(func(n *storetest.Naive, a appending, _ uint64) (uint64, error) {
		return n.Head(a.ctx)
	}), []string{"retry/a retry is recognised after later appends", "retry/a prefix of the events is a retry"}},
	{"a retry advances tracking", whenRetried(func(n *storetest.Naive, a appending, position uint64) (uint64, error) {
		n.Append(a.ctx, nil, nil, a.tracking)
		return position, nil
	}), []string{"retry/the tracking of a retry is ignored"}},
	{"tracking is checked before a retry", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		if a.tracking != nil {
			if last, known, _ := n.GetTrackingInfo(a.ctx, a.tracking.Source); known && a.tracking.Position <= last {
				return 0, errConflict
			}
		}
		return a.to(n)
	}), []string{"retry/the tracking of a retry is ignored", "errors/a condition is checked before tracking"}},
	{"the order of a retry does not matter", whenConflict(func(n *storetest.Naive, a appending) (uint64, error) {
		events := slices.Clone(a.events)
		slices.Reverse(events)
		return a.again(n, events)
	}), []string{"retry/another order is not a retry"}},
	{"events without UUID are ignored", whenConflict(func(n *storetest.Naive, a appending) (uint64, error) {
		return a.again(n, slices.DeleteFunc(slices.Clone(a.events), func(e dcb.Event) bool { return e.UUID == "" }))
	}), []string{"retry/with one event without UUID it is not a retry"}},
	{"events after a retry are ignored", whenConflict(func(n *storetest.Naive, a appending) (uint64, error) {
		return a.again(n, a.events[:max(len(a.events), 1)-1])
	}), []string{"retry/an additional last event is not a retry", "retry/with one event without UUID it is not a retry"}},
	{"a repeated UUID is ignored", whenConflict(func(n *storetest.Naive, a appending) (uint64, error) {
		return a.again(n, slices.CompactFunc(slices.Clone(a.events), func(x, y dcb.Event) bool { return x.UUID != "" && x.UUID == y.UUID }))
	}), []string{"retry/the same event twice is not a retry"}},
	{"any conflicting event may begin a retry", whenConflict(func(n *storetest.Naive, a appending) (uint64, error) {
		head, _ := n.Head(a.ctx)
		for a.condition = new(*a.condition); a.condition.After <= head; a.condition.After++ {
			if position, err := a.again(n, a.events); err == nil {
				return position, nil
			}
		}
		return 0, errConflict
	}), []string{
		"retry/a suffix of the events is not a retry",
		"retry/with another conflicting event it is not a retry",
	}},
	{"a retry may begin at or below after", whenConflict(func(n *storetest.Naive, a appending) (uint64, error) {
		a.condition = new(*a.condition)
		a.condition.After = 0
		return a.again(n, a.events)
	}), []string{
		"retry/events that begin at or below after are not a retry",
		"retry/the query may match only some of the events",
	}},
	{"the query must match all of a retry", whenRetried(func(_ *storetest.Naive, a appending, position uint64) (uint64, error) {
		for _, event := range a.events {
			if !a.condition.FailIfEventsMatch.Matches(event.Type, event.Tags) {
				return 0, errConflict
			}
		}
		return position, nil
	}), []string{"retry/the query may match only some of the events"}},
	{"more than the UUIDs is compared", whenRetried(func(n *storetest.Naive, a appending, position uint64) (uint64, error) {
		stored, _, _ := n.Read(a.ctx, dcb.Query{}, dcb.ReadOptions{Start: &position, Limit: new(uint32(1))}).Collect()
		if stored[0].Event.Type != a.events[len(a.events)-1].Type {
			return 0, errConflict
		}
		return position, nil
	}), []string{"retry/only UUIDs are compared"}},
	{"UUIDs are compared as they are written", whenRetried(func(_ *storetest.Naive, a appending, position uint64) (uint64, error) {
		for _, event := range a.events {
			if len(event.UUID) != 36 || strings.ToLower(event.UUID) != event.UUID {
				return 0, errConflict
			}
		}
		return position, nil
	}), []string{"retry/the form of a UUID does not matter"}},
	{"a retry must have been one append", oneAppend(), []string{"retry/events of several appends are a retry"}},
	{"events stored anywhere are a retry", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		if a.condition == nil || slices.ContainsFunc(a.events, func(e dcb.Event) bool { return e.UUID == "" }) {
			return a.to(n)
		}
		ids := map[string]bool{}
		for event := range n.Read(a.ctx, dcb.Query{}, dcb.ReadOptions{}).All() {
			ids[event.Event.UUID] = true
		}
		for _, event := range a.events {
			if !ids[event.UUID] {
				return a.to(n)
			}
		}
		return n.Head(context.Background())
	}), []string{
		"retry/events that the condition does not match are written again",
		"retry/events that are not contiguous are not a retry",
		"retry/another order is not a retry",
		"retry/a suffix of the events is not a retry",
	}},
}

// oneAppend returns a store that recognises a retry only of a single append.
func oneAppend() broken {
	number, appendOf := 0, map[string]int{} // by UUID
	return onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		number++
		for _, event := range a.events {
			if first := appendOf[a.events[0].UUID]; appendOf[event.UUID] == 0 {
				appendOf[event.UUID] = number
			} else if appendOf[event.UUID] != first && a.inConflict(n) {
				return 0, errConflict
			}
		}
		return a.to(n)
	})
}
