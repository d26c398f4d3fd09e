package storetest_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/storetest"
)

// onAppend returns a store with another implementation of Append.
func onAppend(append func(*storetest.Naive, appending) (uint64, error)) broken {
	return broken{append: append}
}

// whenRefused returns a store that calls another function when it refuses an append.
func whenRefused(other func(*storetest.Naive, appending, error) (uint64, error)) broken {
	return onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		position, err := a.to(n)
		if err != nil {
			return other(n, a, err)
		}
		return position, nil
	})
}

var appendBugs = []bug{
	{"the first position is returned", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		position, err := a.to(n)
		return position - min(position, uint64(max(len(a.events), 1)-1)), err
	}), []string{
		"positions/an append returns the position of its last event",
		"positions/concurrent appends get consecutive positions",
		"conditions/an append does not conflict with its own events",
	}},
	{"positions are counted from 0", broken{
		append: func(n *storetest.Naive, a appending) (uint64, error) {
			position, err := a.to(n)
			return position - min(position, 1), err
		}}, []string{"positions/the first event has position 1"}},
	{"an empty store has a head", broken{
		head: func(n *storetest.Naive, ctx context.Context) (uint64, error) {
			head, err := n.Head(ctx)
			return max(head, 1), err
		}}, []string{"positions/the head of an empty store is 0"}},
	{"the head counts appends", broken{
		head: func(n *storetest.Naive, ctx context.Context) (uint64, error) {
			head, err := n.Head(ctx)
			return min(head, 2), err
		}}, []string{"positions/the head is the position of the last event"}},
	{"a refused append leaves a gap", whenRefused(func(n *storetest.Naive, a appending, err error) (uint64, error) {
		n.Append(a.ctx, []dcb.Event{{}}, nil, nil)
		return 0, err
	}), []string{"positions/a rejected append leaves no gap", "errors/the store works after an error"}},
	{"every append leaves a gap", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		position, err := a.to(n)
		n.Append(a.ctx, []dcb.Event{{}}, nil, nil)
		return position, err
	}), []string{"positions/positions have no gaps"}},
	{"events of an append are written one by one", onAppend(func(n *storetest.Naive, a appending) (position uint64, err error) {
		for _, event := range a.events {
			if position, err = n.Append(a.ctx, []dcb.Event{event}, a.condition, a.tracking); err != nil {
				return 0, err
			}
			runtime.Gosched()
			time.Sleep(10 * time.Microsecond)
		}
		return position, nil
	}), []string{
		"positions/concurrent appends get consecutive positions",
		"reading/concurrent reads see whole appends in order",
		"events/one invalid event rejects the whole append",
		"contexts/a cancelled append is written as a whole or not at all",
	}},
	{"an append without events returns the head", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		position, err := a.to(n)
		if err == nil && len(a.events) == 0 {
			return n.Head(a.ctx)
		}
		return position, err
	}), []string{
		"events/an append without events writes nothing and returns 0",
		"conditions/the condition of an append without events is checked",
		"tracking/tracking is recorded without events",
	}},
	{"valid events are written although others are invalid", whenRefused(func(n *storetest.Naive, a appending, err error) (uint64, error) {
		for _, event := range a.events {
			if errors.Is(err, dcb.ErrInvalidArgument) {
				n.Append(a.ctx, []dcb.Event{event}, nil, nil)
			}
		}
		return 0, err
	}), []string{
		"events/one invalid event rejects the whole append",
		"events/a metadata key must not repeat",
		"limits/more events are refused",
	}},
	{"nothing is invalid", whenRefused(func(n *storetest.Naive, a appending, err error) (uint64, error) {
		if errors.Is(err, dcb.ErrInvalidArgument) {
			return n.Head(a.ctx)
		}
		return 0, err
	}), []string{
		"events/any other text is not a UUID",
		"events/a metadata key must not repeat",
		"events/the empty metadata key must not repeat",
		"events/a type must be UTF-8",
		"events/a tag must be UTF-8",
		"events/a metadata key must be UTF-8",
		"events/a metadata value must be UTF-8",
		"limits/a larger event is refused",
		"limits/a larger request is refused",
		"limits/a request far over the limit is refused and the next is not",
		"limits/more events are refused",
		"limits/more tags are refused",
		"limits/more tags in a request are refused",
		"limits/more metadata in a request is refused",
		"limits/more terms in a query are refused",
		"limits/more items in a query are refused",
		"limits/longer metadata is refused",
		"limits/a longer source is refused",
		"tracking/a source must be UTF-8",
		"errors/an invalid event is an invalid argument",
		"errors/an invalid query is an invalid argument",
	}},
	{"a limit is not named", whenRefused(func(_ *storetest.Naive, _ appending, err error) (uint64, error) {
		if errors.Is(err, dcb.ErrInvalidArgument) {
			err = &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "too much"}
		}
		return 0, err
	}), []string{
		"limits/a larger event is refused",
		"limits/a larger request is refused",
		"limits/more events are refused",
		"limits/more tags are refused",
		"limits/more tags in a request are refused",
		"limits/more metadata in a request is refused",
		"limits/more terms in a query are refused",
		"limits/longer metadata is refused",
		"limits/a longer source is refused",
	}},
	{"large and unusual requests are refused", refuseUnusual(), []string{
		"limits/an event of the maximum size is accepted",
		"limits/a request of the maximum size is accepted",
		"limits/65536 events are accepted",
		"limits/65535 tags are accepted",
		"limits/262144 tags in a request are accepted",
		"limits/65536 terms in a query are accepted",
		"limits/metadata of 65535 bytes is accepted",
		"limits/a source of 255 bytes is accepted",
		"events/many tags and metadata",
		"events/a type and tags may be long",
		"tracking/a source may be any text",
	}},
	{"events with a UUID are never written twice", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		if a.condition == nil && len(a.events) > 0 && a.events[0].UUID != "" {
			again := &dcb.AppendCondition{FailIfEventsMatch: dcb.Query{Items: []dcb.QueryItem{{Tags: a.events[0].Tags}}}}
			if position, err := n.Append(a.ctx, a.events, again, a.tracking); err == nil {
				return position, nil
			}
			return n.Head(a.ctx)
		}
		return a.to(n)
	}), []string{
		"events/a UUID may repeat",
		"retry/without a condition nothing is a retry",
		"retry/the first of several copies counts",
	}},
	{"a call that is cancelled still appends", onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		err := a.ctx.Err()
		a.ctx = context.Background()
		position, other := a.to(n)
		if err == nil {
			err = other
		}
		return position, err
	}), []string{"contexts/a call with a cancelled context does nothing"}},
	{"a cancelled append fails concurrent appends", onAppend(func() func(n *storetest.Naive, a appending) (uint64, error) {
		failed := errors.New("a caller left")
		return func(n *storetest.Naive, a appending) (uint64, error) {
			time.Sleep(20 * time.Microsecond)
			if a.ctx.Err() != nil {
				n.Close()
			}
			position, err := a.to(n)
			if errors.Is(err, dcb.ErrClosed) {
				err = failed
			}
			return position, err
		}
	}()), []string{"contexts/a cancelled append does not affect others"}},
	{"the caller's memory is kept", keepsMemory(), []string{"events/the store shares no memory with its caller"}},
}

// refuseUnusual returns a store with limits that are too low.
func refuseUnusual() broken {
	refusal := &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: "unusual"}
	return onAppend(func(n *storetest.Naive, a appending) (uint64, error) {
		size, tags := 0, 0
		for _, event := range a.events {
			size += len(event.Data)
			tags += len(event.Tags)
			text := len(event.Type)
			for _, entry := range event.Metadata {
				text = max(text, len(entry.Key), len(entry.Value))
			}
			if len(event.Tags) >= 2000 || text >= 2000 || len(event.Data) >= 4_000_000 {
				return 0, refusal
			}
		}
		terms := 0
		if a.condition != nil {
			for _, item := range a.condition.FailIfEventsMatch.Items {
				terms += len(item.Types) + len(item.Tags)
			}
		}
		unusualSource := a.tracking != nil && (len(a.tracking.Source) >= 255 || slices.Contains([]byte(a.tracking.Source), 0))
		if len(a.events) >= 65_536 || size > 15<<20 || tags >= 262_144 || terms >= 65_536 || unusualSource {
			return 0, refusal
		}
		return a.to(n)
	})
}

// keepsMemory returns a store that retains and returns the slices of its caller.
func keepsMemory() broken {
	appended := map[string]dcb.Event{} // by UUID
	return broken{
		append: func(n *storetest.Naive, a appending) (uint64, error) {
			for _, event := range a.events {
				appended[event.UUID] = event
			}
			return a.to(n)
		},
		read: eachRead(func(event *dcb.SequencedEvent) { event.Event = appended[event.Event.UUID] }),
	}
}
