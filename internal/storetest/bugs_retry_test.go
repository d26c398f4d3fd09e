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

// whenConflict is a store that takes an append whose condition fails for a
// retry in more cases.
func whenConflict(more func(*storetest.Naive, appending) (uint64, error)) broken {
	return whenRefused(func(n *storetest.Naive, a appending, err error) (uint64, error) {
		if errors.Is(err, dcb.ErrIntegrity) && a.inConflict(n) {
			return more(n, a)
		}
		return 0, err
	})
}

// whenRetried is a store that does something else when it recognises a retry.
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

// again makes the same request of other events.
func (a appending) again(n *storetest.Naive, events []dcb.Event) (uint64, error) {
	if len(events) == 0 || !a.inConflict(n) {
		return 0, errConflict
	}
	a.events = events
	return a.to(n)
}

var retryBugs = []bug{
	{"nothing is a retry", whenRetried(func(*storetest.Naive, appending, uint64) (uint64, error) { return 0, errConflict }), []string{
		"retry/the same append again gives the same position",
		"retry/it is recognised when more has come since",
		"retry/it is recognised with the condition after some position",
		"retry/it is recognised with an empty query",
		"retry/the first events alone are a retry",
		"retry/only UUIDs are compared",
		"retry/the form of a UUID does not matter",
		"retry/the first of several copies is the one that counts",
		"retry/its tracking is not looked at",
		"retry/the same append many times at once is written once",
	}},
	{"everything is a retry", whenConflict(func(n *storetest.Naive, a appending) (uint64, error) { return n.Head(a.ctx) }), []string{
		"retry/events without UUIDs are never a retry",
		"retry/another event instead is none",
		"retry/another event in front is none",
		"retry/other events are none",
		"retry/an event twice is none",
		"retry/an append that repeats a UUID is never a retry",
		"retry/events in between make it none",
		"conditions/something matches: nothing happens",
	}},
	{"a retry is written again", whenRetried(func(n *storetest.Naive, a appending, _ uint64) (uint64, error) {
		return n.Append(a.ctx, a.events, nil, nil)
	}), []string{
		"retry/the same append again gives the same position",
		"retry/events that several appends wrote are a retry",
		"retry/a query that matches only part of it will do",
	}},
	{"a retry gets the position of the head", whenRetried(func(n *storetest.Naive, a appending, _ uint64) (uint64, error) {
		return n.Head(a.ctx)
	}), []string{"retry/it is recognised when more has come since", "retry/the first events alone are a retry"}},
	{"a retry advances tracking", whenRetried(func(n *storetest.Naive, a appending, position uint64) (uint64, error) {
		n.Append(a.ctx, nil, nil, a.tracking)
		return position, nil
	}), []string{"retry/its tracking is not looked at"}},
	{"tracking is checked before a retry", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		if a.tracking != nil {
			if last, known, _ := n.GetTrackingInfo(a.ctx, a.tracking.Source); known && a.tracking.Position <= last {
				return 0, errConflict
			}
		}
		return a.to(n)
	}), []string{"retry/its tracking is not looked at", "errors/a condition is checked before tracking"}},
	{"the order of a retry does not matter", whenConflict(func(n *storetest.Naive, a appending) (uint64, error) {
		events := slices.Clone(a.events)
		slices.Reverse(events)
		return a.again(n, events)
	}), []string{"retry/another order is none"}},
	{"events without UUID do not matter", whenConflict(func(n *storetest.Naive, a appending) (uint64, error) {
		return a.again(n, slices.DeleteFunc(slices.Clone(a.events), func(e dcb.Event) bool { return e.UUID == "" }))
	}), []string{"retry/one event without UUID makes it none"}},
	{"events behind a retry do not matter", whenConflict(func(n *storetest.Naive, a appending) (uint64, error) {
		return a.again(n, a.events[:max(len(a.events), 1)-1])
	}), []string{"retry/another event behind is none", "retry/one event without UUID makes it none"}},
	{"a repeated UUID does not matter", whenConflict(func(n *storetest.Naive, a appending) (uint64, error) {
		return a.again(n, slices.CompactFunc(slices.Clone(a.events), func(x, y dcb.Event) bool { return x.UUID != "" && x.UUID == y.UUID }))
	}), []string{"retry/an event twice is none"}},
	{"any event in conflict may begin a retry", whenConflict(func(n *storetest.Naive, a appending) (uint64, error) {
		head, _ := n.Head(a.ctx)
		for a.condition = new(*a.condition); a.condition.After <= head; a.condition.After++ {
			if position, err := a.again(n, a.events); err == nil {
				return position, nil
			}
		}
		return 0, errConflict
	}), []string{
		"retry/the last events alone are none",
		"retry/somebody else's event in conflict makes it none",
	}},
	{"a retry may begin at or below after", whenConflict(func(n *storetest.Naive, a appending) (uint64, error) {
		a.condition = new(*a.condition)
		a.condition.After = 0
		return a.again(n, a.events)
	}), []string{
		"retry/events of which the first is not above after make it none",
		"retry/a query that matches only part of it will do",
	}},
	{"the query must match all of a retry", whenRetried(func(_ *storetest.Naive, a appending, position uint64) (uint64, error) {
		for _, event := range a.events {
			if !a.condition.FailIfEventsMatch.Matches(event.Type, event.Tags) {
				return 0, errConflict
			}
		}
		return position, nil
	}), []string{"retry/a query that matches only part of it will do"}},
	{"more than UUIDs is compared", whenRetried(func(n *storetest.Naive, a appending, position uint64) (uint64, error) {
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
	{"a retry must have been one append", oneAppend(), []string{"retry/events that several appends wrote are a retry"}},
	{"what is stored somewhere is a retry", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
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
		"retry/a condition that does not see its events writes them again",
		"retry/events in between make it none",
		"retry/another order is none",
		"retry/the last events alone are none",
	}},
}

// oneAppend is a store that recognises only what came in one append.
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
