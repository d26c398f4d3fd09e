package storetest_test

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/storetest"
)

// withCondition is a store that changes the conditions of appends.
func withCondition(change func(*dcb.AppendCondition)) broken {
	return onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		if a.condition != nil {
			a.condition = new(*a.condition)
			change(a.condition)
		}
		return a.to(n)
	})
}

// inConflict tells whether a condition fails.
func (a appending) inConflict(n *storetest.Naive) bool {
	if a.condition == nil {
		return false
	}
	_, err := n.Append(a.ctx, nil, a.condition, nil)
	return err != nil
}

var conditionBugs = []bug{
	{"conditions are not looked at", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		a.condition = nil
		return a.to(n)
	}), []string{
		"conditions/something matches: nothing happens",
		"conditions/after 0 is the whole history",
		"tracking/a failed condition does not advance it",
		"queries/many items are alternatives",
	}},
	{"every condition fails", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		if a.condition != nil {
			return 0, &dcb.Error{Kind: dcb.ErrIntegrity}
		}
		return a.to(n)
	}), []string{
		"conditions/nothing matches: the append happens",
		"conditions/on an empty store nothing is in conflict",
		"conditions/concurrent appends on different conditions all win",
		"conditions/concurrent appends happen in one order",
	}},
	{"after is inclusive", withCondition(func(c *dcb.AppendCondition) { c.After -= min(c.After, 1) }), []string{
		"conditions/after is exclusive",
		"conditions/the events of the append itself are not in conflict",
		"conditions/those who read, decide and append lose no update",
		"conditions/the first event in conflict is named",
	}},
	{"after is one too high", withCondition(func(c *dcb.AppendCondition) { c.After++ }), []string{
		"conditions/after is exclusive",
		"conditions/an empty query matches every event",
	}},
	{"after is a signed number", withCondition(func(c *dcb.AppendCondition) {
		if int64(c.After) < 0 {
			c.After = 0
		}
	}), []string{"conditions/after the greatest position nothing is in conflict"}},
	{"after past the head is the beginning", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		head, _ := n.Head(context.Background())
		if a.condition != nil && a.condition.After > head {
			a.condition = &dcb.AppendCondition{FailIfEventsMatch: a.condition.FailIfEventsMatch}
		}
		return a.to(n)
	}), []string{"conditions/after past the head nothing is in conflict"}},
	{"only the newest thousand events are looked at", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		head, _ := n.Head(context.Background())
		if a.condition != nil && head > 1000 {
			a.condition = &dcb.AppendCondition{FailIfEventsMatch: a.condition.FailIfEventsMatch, After: max(a.condition.After, head-1000)}
		}
		return a.to(n)
	}), []string{"conditions/after 0 is the whole history"}},
	{"an empty query matches nothing", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		if a.condition != nil && a.condition.FailIfEventsMatch.MatchesAll() {
			a.condition = nil
		}
		return a.to(n)
	}), []string{"conditions/an empty query matches every event", "queries/an empty item matches every event"}},
	{"the events of the append are in conflict", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		for _, event := range a.events {
			if a.condition != nil && a.condition.FailIfEventsMatch.Matches(event.Type, event.Tags) {
				return 0, &dcb.Error{Kind: dcb.ErrIntegrity}
			}
		}
		return a.to(n)
	}), []string{"conditions/the events of the append itself are not in conflict"}},
	{"conditions are checked a while before the append", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		if a.inConflict(n) {
			return a.to(n)
		}
		time.Sleep(50 * time.Microsecond)
		a.condition = nil
		return a.to(n)
	}), []string{
		"conditions/of many concurrent appends on one condition one wins",
		"conditions/those who read, decide and append lose no update",
		"conditions/concurrent appends happen in one order",
		"retry/the same append many times at once is written once",
	}},
	{"appends at once are all in conflict", onAppend(func() func(n *storetest.Naive, a appending) (uint64, error) {
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
		"conditions/concurrent appends on different conditions all win",
		"conditions/concurrent appends happen in one order",
	}},
	{"an append without events has no condition", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		if len(a.events) == 0 {
			a.condition = nil
		}
		return a.to(n)
	}), []string{
		"conditions/an append without events has its condition checked",
		"tracking/without events a failed condition does not advance it",
	}},
	{"a condition is checked before all else", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		if a.inConflict(n) {
			return 0, &dcb.Error{Kind: dcb.ErrIntegrity}
		}
		return a.to(n)
	}), []string{
		"errors/a request is validated before its condition",
		"retry/the same append again gives the same position",
	}},
	{"the position in conflict is that of the head", whenRefused(func(n *storetest.Naive, a appending, err error) (uint64, error) {
		head, _ := n.Head(context.Background())
		if errors.Is(err, dcb.ErrIntegrity) {
			err = &dcb.Error{Kind: dcb.ErrIntegrity, Detail: err.Error(), ConflictPosition: head}
		}
		return 0, err
	}), []string{
		"conditions/the first event in conflict is named",
		"errors/a tracking conflict is an integrity error",
	}},
	{"errors are not typed", whenRefused(func(_ *storetest.Naive, _ appending, err error) (uint64, error) {
		return 0, errors.New(err.Error())
	}), []string{
		"errors/a failed condition is an integrity error",
		"errors/a tracking conflict is an integrity error",
		"errors/an invalid event is an invalid argument",
		"errors/a closed store says so",
		"contexts/a call whose context is over does nothing",
	}},
	{"errors tell too much", whenRefused(func(_ *storetest.Naive, a appending, err error) (uint64, error) {
		if e, ok := errors.AsType[*dcb.Error](err); ok && len(a.events) > 0 {
			e.Detail += string(a.events[0].Data) + strings.Repeat("\n", 1000)
		}
		return 0, err
	}), []string{
		"errors/the message names the query and the event but no data",
		"errors/a message is short and printable whatever the request",
	}},
	{"errors tell nothing", whenRefused(func(_ *storetest.Naive, _ appending, err error) (uint64, error) {
		if e, ok := errors.AsType[*dcb.Error](err); ok {
			e.Detail = ""
		}
		return 0, err
	}), []string{"errors/the message names the query and the event but no data"}},
}
