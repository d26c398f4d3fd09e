package storetest_test

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/storetest"
)

// withCondition returns a store that changes the conditions of appends.
func withCondition(change func(*dcb.AppendCondition)) broken {
	return onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		if a.condition != nil {
			a.condition = new(*a.condition)
			change(a.condition)
		}
		return a.to(n)
	})
}

// inConflict reports whether the condition of an append fails.
func (a appending) inConflict(n *storetest.Naive) bool {
	if a.condition == nil {
		return false
	}
	_, err := n.Append(a.ctx, nil, a.condition, nil)
	return err != nil
}

var conditionBugs = []bug{
	{"conditions are ignored", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		a.condition = nil
		return a.to(n)
	}), []string{
		"conditions/the append fails if an event matches",
		"conditions/after 0 covers the whole history",
		"tracking/a failed condition does not advance tracking",
		"queries/many items are alternatives",
	}},
	{"every condition fails", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		if a.condition != nil {
			return 0, &dcb.Error{Kind: dcb.ErrIntegrity}
		}
		return a.to(n)
	}), []string{
		"conditions/the append succeeds if nothing matches",
		"conditions/nothing conflicts in an empty store",
		"conditions/concurrent appends with different conditions all succeed",
		"conditions/concurrent appends are serializable",
	}},
	{"after is inclusive", withCondition(func(c *dcb.AppendCondition) { c.After -= min(c.After, 1) }), []string{
		"conditions/after is exclusive",
		"conditions/an append does not conflict with its own events",
		"conditions/concurrent read-decide-append cycles lose no update",
		"conditions/the error has the first conflicting event",
	}},
	{"after is one too high", withCondition(func(c *dcb.AppendCondition) { c.After++ }), []string{
		"conditions/after is exclusive",
		"conditions/an empty query matches every event",
	}},
	{"after is a signed number", withCondition(func(c *dcb.AppendCondition) {
		if int64(c.After) < 0 {
			c.After = 0
		}
	}), []string{"conditions/after the maximum position nothing conflicts"}},
	{"after past the head is the beginning", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		head, _ := n.Head(context.Background())
		if a.condition != nil && a.condition.After > head {
			a.condition = &dcb.AppendCondition{FailIfEventsMatch: a.condition.FailIfEventsMatch}
		}
		return a.to(n)
	}), []string{"conditions/after past the head nothing conflicts"}},
	{"only the newest thousand events are checked", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		head, _ := n.Head(context.Background())
		if a.condition != nil && head > 1000 {
			a.condition = &dcb.AppendCondition{FailIfEventsMatch: a.condition.FailIfEventsMatch, After: max(a.condition.After, head-1000)}
		}
		return a.to(n)
	}), []string{"conditions/after 0 covers the whole history"}},
	{"an empty query matches nothing", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		if a.condition != nil && a.condition.FailIfEventsMatch.MatchesAll() {
			a.condition = nil
		}
		return a.to(n)
	}), []string{"conditions/an empty query matches every event", "queries/an empty item matches every event"}},
	{"an append conflicts with its own events", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		for _, event := range a.events {
			if a.condition != nil && a.condition.FailIfEventsMatch.Matches(event.Type, event.Tags) {
				return 0, &dcb.Error{Kind: dcb.ErrIntegrity}
			}
		}
		return a.to(n)
	}), []string{"conditions/an append does not conflict with its own events"}},
	{"conditions are checked too early", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		if a.inConflict(n) {
			return a.to(n)
		}
		time.Sleep(50 * time.Microsecond)
		a.condition = nil
		return a.to(n)
	}), []string{
		"conditions/one of many concurrent appends with the same condition succeeds",
		"conditions/concurrent read-decide-append cycles lose no update",
		"conditions/concurrent appends are serializable",
		"retry/concurrent copies of an append are written once",
	}},
	{"concurrent appends always conflict", onAppend(func() func(n *storetest.Naive, a appending) (uint64, error) {
		turn := make(chan struct{}, 1)
		return func(n *storetest.Naive, a appending) (uint64, error) {
			select {
			case turn <- struct{}{}:
				defer func() { <-turn }()
				time.Sleep(50 * time.Microsecond)
				return a.to(n)
			default:
				return 0, &dcb.Error{Kind: dcb.ErrIntegrity, Detail: "busy"}
			}
		}
	}()), []string{
		"conditions/concurrent appends with different conditions all succeed",
		"conditions/concurrent appends are serializable",
	}},
	{"an append without events has no condition", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		if len(a.events) == 0 {
			a.condition = nil
		}
		return a.to(n)
	}), []string{
		"conditions/the condition of an append without events is checked",
		"tracking/a failed condition without events does not advance tracking",
	}},
	{"a condition is checked before validation and retries", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		if a.inConflict(n) {
			return 0, &dcb.Error{Kind: dcb.ErrIntegrity}
		}
		return a.to(n)
	}), []string{
		"errors/a request is validated before its condition",
		"retry/a repeated append returns the same position",
	}},
	{"the conflict position is the head", whenRefused(func(n *storetest.Naive, a appending, err error) (uint64, error) {
		head, _ := n.Head(context.Background())
		if errors.Is(err, dcb.ErrIntegrity) {
			err = &dcb.Error{Kind: dcb.ErrIntegrity, Detail: err.Error(), ConflictPosition: head}
		}
		return 0, err
	}), []string{
		"conditions/the error has the first conflicting event",
		"errors/a tracking conflict is an integrity error",
	}},
	{"errors are not typed", whenRefused(func(_ *storetest.Naive, _ appending, err error) (uint64, error) {
		return 0, errors.New(err.Error())
	}), []string{
		"errors/a failed condition is an integrity error",
		"errors/a tracking conflict is an integrity error",
		"errors/an invalid event is an invalid argument",
		"errors/a closed store returns ErrClosed",
		"contexts/a call with a cancelled context does nothing",
	}},
	{"errors contain too much", whenRefused(func(_ *storetest.Naive, a appending, err error) (uint64, error) {
		if e, ok := errors.AsType[*dcb.Error](err); ok && len(a.events) > 0 {
			e.Detail += string(a.events[0].Data) + strings.Repeat("\n", 1000)
		}
		return 0, err
	}), []string{
		"errors/the message names the query and the event but no data",
		"errors/a message is short and printable for any request",
	}},
	{"errors have no detail", whenRefused(func(_ *storetest.Naive, _ appending, err error) (uint64, error) {
		if e, ok := errors.AsType[*dcb.Error](err); ok {
			e.Detail = ""
		}
		return 0, err
	}), []string{"errors/the message names the query and the event but no data"}},
}
