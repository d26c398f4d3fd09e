package console

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/umadb-go/umadb/dcb"
)

const (
	// appendAttempts is how often appendOnce tries while others append events like its own.
	appendAttempts = 10
	// maxSince is the maximum number of events with the type and tags of the first event that may
	// have been appended since the check.
	maxSince = 10_000
)

// appendOnce appends the events unless they are stored at a position after r.from. So a form that
// is submitted twice, also at the same time, appends once.
//
// The store recognises a repeated append only by a condition that matches its events, which the one
// of the form may not do. So the condition of the form is evaluated up to the head by a read, and
// the append has a condition about what comes after the head: neither an event that matches that of
// the form, nor one with the type and tags of the first event. If it fails because of an event of
// others, all is decided again.
func (r *appendRequest) appendOnce(ctx context.Context, s dcb.EventStore) (*appendResult, error) {
	own := r.itemOf(0)
	from := r.from
	for range appendAttempts {
		head, err := s.Head(ctx)
		if err != nil {
			return nil, err
		}
		if from > head {
			return nil, &dcb.Error{Kind: dcb.ErrIntegrity, Detail: fmt.Sprintf("the events were checked at position %d, and the last event has %d: check them again", from, head)}
		}
		last, err := r.find(ctx, s, own, from)
		if err != nil || last > 0 {
			return r.result(last, true), err
		}
		if r.condition != nil {
			conflicts, err := r.conflicts(ctx, s, 1)
			if err != nil {
				return nil, err
			}
			if len(conflicts) > 0 { // the store fails, or recognises events from before the check
				last, err := s.Append(ctx, r.events, r.condition, nil)
				return r.result(last, true), err
			}
		}
		last, err = s.Append(ctx, r.events, r.guard(own, head), nil)
		if !errors.Is(err, dcb.ErrIntegrity) {
			return r.result(last, false), err
		}
		from = head
	}
	return nil, &dcb.Error{Kind: dcb.ErrIntegrity, Detail: "others append events with the same type and tags, or that match the condition, all the time: try again"}
}

// guard returns the condition that nothing has changed after the head.
func (r *appendRequest) guard(own dcb.QueryItem, head uint64) *dcb.AppendCondition {
	c := &dcb.AppendCondition{After: head, FailIfEventsMatch: dcb.Query{Items: []dcb.QueryItem{own}}}
	if r.condition != nil {
		if items := r.condition.FailIfEventsMatch.Items; len(items) > 0 {
			c.FailIfEventsMatch.Items = append(slices.Clone(items), own)
		} else {
			c.FailIfEventsMatch.Items = nil // every event
		}
	}
	return c
}

// result returns the result of an append whose last event has a position.
func (r *appendRequest) result(last uint64, again bool) *appendResult {
	return &appendResult{First: last + 1 - uint64(len(r.events)), Last: last, Again: again}
}

// find returns the position of the last of the events if they are stored after a position, and
// otherwise 0.
func (r *appendRequest) find(ctx context.Context, s dcb.EventStore, own dcb.QueryItem, from uint64) (last uint64, err error) {
	position, isPartial, err := r.findFirst(ctx, s, own, dcb.ReadOptions{Start: new(from + 1)})
	if err != nil || position == 0 && !isPartial {
		return 0, err
	}
	if position == 0 {
		return 0, &dcb.Error{Kind: dcb.ErrIntegrity, Detail: fmt.Sprintf("more than %d events with the type and tags of the first one were appended since the check at position %d: check again", maxSince, from)}
	}
	last, _, err = r.storedAt(ctx, s, position)
	return last, err
}

// findFirst returns the position of an event with the UUID of the first event, and otherwise 0. It
// compares at most maxSince events with the type and tags of the first event. isPartial is set if there are more.
func (r *appendRequest) findFirst(ctx context.Context, s dcb.EventStore, own dcb.QueryItem, options dcb.ReadOptions) (position uint64, isPartial bool, err error) {
	options.Limit = new(uint32(maxSince + 1))
	n := 0
	for e, err := range s.Read(ctx, dcb.Query{Items: []dcb.QueryItem{own}}, options).All() {
		if err != nil {
			return 0, false, err
		}
		if n++; n > maxSince {
			return 0, true, nil
		}
		if e.Event.UUID == r.events[0].UUID {
			return e.Position, false, nil
		}
	}
	return 0, false, nil
}
