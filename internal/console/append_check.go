package console

import (
	"bytes"
	"context"
	"slices"

	"github.com/umadb-go/umadb/dcb"
)

const (
	// shownConflicts is the maximum number of conflicting events that a check shows, and shownNew
	// that of the events to append.
	shownConflicts = 5
	shownNew       = 20
)

// appendCheck is what an append would do now. Nothing is appended.
type appendCheck struct {
	Head uint64
	// Lines are the events as they would be stored, and Events the first of them.
	Lines  string
	Count  int
	Events []shownEvent
	// Condition is set if there is one, and After is its position.
	Condition bool
	After     uint64
	// Conflicts are the first events that match the condition. More is set if there are others.
	Conflicts []shownEvent
	More      bool
	// Stored is the position of the last event if the same events are stored already, so that the
	// append succeeds and writes nothing.
	Stored uint64
	// Differs is set if the data or metadata of the stored events differ from these.
	Differs bool
	// Other is the position of an event with the UUID of the first event, if it is stored and the
	// others are not stored after it.
	Other uint64
	// by is the item with the type and tags of the first event, for the links to Stored and Other.
	by dcb.QueryItem
	// missing is the types and tags of the condition that no event has, which may be misspelt.
	missing
	// Partly is set if there are too many events with the type and tags of the first event, so that
	// its UUID was compared only with the newest ones.
	Partly bool
}

// From is the position after which an append looks for the events.
func (c *appendCheck) From() uint64 {
	if c.Stored > 0 {
		return c.Stored - uint64(c.Count)
	}
	return c.Head
}

// First is the position that the first event gets if nothing else is appended before.
func (c *appendCheck) First() uint64 { return c.Head + 1 }

// Last is that of the last event.
func (c *appendCheck) Last() uint64 { return c.Head + uint64(c.Count) }

// StoredLink returns the link to the last of the events that are stored already. Only if they have the same type
// and tags, its item is right for it.
func (c *appendCheck) StoredLink() string { return linkEvent("/event", c.Stored, c.by) }

// OtherLink returns the link to the event with the UUID of the first event.
func (c *appendCheck) OtherLink() string { return linkEvent("/event", c.Other, c.by) }

// Omitted is the number of events that are not in Events.
func (c *appendCheck) Omitted() int { return c.Count - len(c.Events) }

// checkAppend evaluates the condition by a read.
func checkAppend(ctx context.Context, s dcb.EventStore, r *appendRequest) (*appendCheck, error) {
	c := &appendCheck{Lines: encodeLines(r.events), Count: len(r.events), Condition: r.condition != nil, by: r.itemOf(0)}
	for _, e := range r.events[:min(len(r.events), shownNew)] {
		c.Events = append(c.Events, shownEvent{SequencedEvent: dcb.SequencedEvent{Event: e}})
	}
	var err error
	if c.Head, err = s.Head(ctx); err != nil {
		return c, err
	}
	if r.condition == nil {
		return c, c.findStored(ctx, s, r)
	}
	c.After = r.condition.After
	conflicts, err := r.conflicts(ctx, s, shownConflicts+1)
	if err != nil || len(conflicts) == 0 {
		return c, err
	}
	if c.Stored, c.Differs, err = r.stored(ctx, s, &conflicts[0]); err != nil || c.Stored > 0 {
		return c, err
	}
	if len(conflicts) > shownConflicts {
		c.More = true
		conflicts = conflicts[:shownConflicts]
	}
	c.Conflicts = conflicts
	return c, nil
}

// findStored looks for the events among those that are stored, if the first one has a UUID of the
// user: the newest ones with its type and tags, as many as appendOnce compares.
func (c *appendCheck) findStored(ctx context.Context, s dcb.EventStore, r *appendRequest) error {
	if !r.hasUUID {
		return nil
	}
	same, isPartial, err := r.findFirst(ctx, s, r.itemOf(0), dcb.ReadOptions{Backwards: true})
	if c.Partly = isPartial; err != nil || same == 0 {
		return err
	}
	if c.Stored, c.Differs, err = r.storedAt(ctx, s, same); c.Stored == 0 {
		c.Other = same
	}
	return err
}

// conflicts returns the first events that match the condition, at most a number.
func (r *appendRequest) conflicts(ctx context.Context, s dcb.EventStore, most uint32) ([]shownEvent, error) {
	start := r.condition.After + 1
	if start == 0 {
		return nil, nil // no event has a higher position
	}
	return briefEvents(ctx, s, r.condition.FailIfEventsMatch, dcb.ReadOptions{Start: &start, Limit: &most})
}

// stored returns the position of the last of the events if the store would recognise them, because
// the conflicting event is one of them: docs/semantics.md has the rule. differs is that of storedAt.
func (r *appendRequest) stored(ctx context.Context, s dcb.EventStore, conflict *shownEvent) (last uint64, differs bool, err error) {
	for i := range r.events {
		if r.events[i].UUID == conflict.Event.UUID && conflict.Position > r.condition.After+uint64(i) {
			return r.storedAt(ctx, s, conflict.Position-uint64(i))
		}
	}
	return 0, false, nil
}

// storedAt returns the position of the last of the events if they are stored from a position on,
// and otherwise 0. differs is set if the stored data or metadata are others. Its query is one that a key
// with limits may use, if it may append the events.
func (r *appendRequest) storedAt(ctx context.Context, s dcb.EventStore, first uint64) (last uint64, differs bool, err error) {
	var query dcb.Query
	for i := range r.events {
		query.Items = append(query.Items, r.itemOf(i))
	}
	n := 0
	for e, err := range s.Read(ctx, query, dcb.ReadOptions{Start: &first, Limit: new(uint32(len(r.events)))}).All() {
		if err != nil {
			return 0, false, err
		}
		own := &r.events[n]
		if e.Event.UUID != own.UUID || e.Position != first+uint64(n) {
			return 0, false, nil
		}
		differs = differs || !bytes.Equal(e.Event.Data, own.Data) || !slices.Equal(e.Event.Metadata, own.Metadata)
		n, last = n+1, e.Position
	}
	if n < len(r.events) {
		return 0, false, nil
	}
	return last, differs, nil
}

// itemOf returns the item of a query that matches the events with the type and tags of an event.
func (r *appendRequest) itemOf(event int) dcb.QueryItem {
	return dcb.QueryItem{Types: []string{r.events[event].Type}, Tags: r.events[event].Tags}
}
