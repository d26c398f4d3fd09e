package console

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/umadb-go/umadb/dcb"
)

// commitEvents is the maximum number of events of a commit that are shown on each side.
const commitEvents = 20

// readNeighbours reads the events before and after, as far as they may be of the same commit.
func (d *eventData) readNeighbours(ctx context.Context, store dcb.EventStore) error {
	before, moreBefore, err := d.side(ctx, store, true)
	if err != nil {
		return err
	}
	after, moreAfter, err := d.side(ctx, store, false)
	if err != nil {
		return err
	}
	if len(before) > 0 {
		d.Previous = new(newNeighbour(&before[0], d.within()))
	}
	if len(after) > 0 {
		d.Next = new(newNeighbour(&after[0], d.within()))
	}
	if d.Event.RecordedAt.IsZero() {
		return nil
	}
	before, after = d.sameCommit(before), d.sameCommit(after)
	slices.Reverse(before)
	for _, e := range slices.Concat(before, []dcb.SequencedEvent{d.Event.SequencedEvent}, after) {
		d.Commit = append(d.Commit, newNeighbour(&e, d.within()))
	}
	d.MoreBefore, d.MoreAfter = moreBefore, moreAfter
	return nil
}

// side reads events before or after, the nearest first, and returns them without their data. It ends
// when their total size is maxEventBytes, since a server reads and sends whole events. more is set if
// all of them and the one after them are of the same commit.
func (d *eventData) side(ctx context.Context, store dcb.EventStore, backwards bool) (events []dcb.SequencedEvent, more bool, err error) {
	start := d.Event.Position + 1
	if backwards {
		start = d.Event.Position - 1
	}
	if start == 0 || start > d.Head {
		return nil, false, nil
	}
	response := store.Read(ctx, d.within(), dcb.ReadOptions{Start: &start, Backwards: backwards, Limit: new(uint32(commitEvents + 1))})
	defer response.Close()
	size := 0
	for {
		batch, err := response.NextBatch()
		if errors.Is(err, io.EOF) {
			return events, false, nil
		}
		if err != nil {
			return nil, false, err
		}
		for _, e := range batch {
			isSame := e.RecordedAt.Equal(d.Event.RecordedAt) && !e.RecordedAt.IsZero()
			if len(events) == commitEvents || size >= maxEventBytes {
				return events, isSame, nil
			}
			size += sizeOf(&e.Event)
			e.Event.Data = nil
			if events = append(events, e); !isSame {
				return events, false, nil
			}
		}
	}
}

// sameCommit returns the events that were recorded at the time of this one.
func (d *eventData) sameCommit(nearest []dcb.SequencedEvent) []dcb.SequencedEvent {
	n := slices.IndexFunc(nearest, func(e dcb.SequencedEvent) bool { return !e.RecordedAt.Equal(d.Event.RecordedAt) })
	if n < 0 {
		return nearest
	}
	return nearest[:n]
}

// readTags reads, for each of the first tags, the events before and after that have it.
func (d *eventData) readTags(ctx context.Context, store dcb.EventStore) error {
	var distinct []string
	known := map[string]bool{}
	for _, tag := range d.Event.Event.Tags {
		if !known[tag] {
			known[tag], distinct = true, append(distinct, tag)
		}
	}
	tags := firstTags(distinct, d.Event.moreTags)
	d.Tags, d.MoreTags = make([]sharedTag, len(tags.Shown)), tags.More
	calls, ctx := newCalls(ctx)
	for i, tag := range tags.Shown {
		calls.Go(func() (err error) {
			d.Tags[i].Tag = tag
			if d.Tags[i].Previous, err = d.nearest(ctx, store, tag, true); err != nil {
				return err
			}
			d.Tags[i].Next, err = d.nearest(ctx, store, tag, false)
			return err
		})
	}
	return calls.Wait()
}

// nearest returns the nearest other event with a tag, or nil if there is none.
func (d *eventData) nearest(ctx context.Context, store dcb.EventStore, tag string, backwards bool) (*neighbour, error) {
	start := d.Event.Position + 1
	if backwards {
		start = d.Event.Position - 1
	}
	if start == 0 || start > d.Head {
		return nil, nil
	}
	query := d.within(tag)
	events, _, err := store.Read(ctx, query, dcb.ReadOptions{Start: &start, Backwards: backwards, Limit: new(uint32(1))}).Collect()
	if err != nil || len(events) == 0 {
		return nil, err
	}
	return new(newNeighbour(&events[0], query)), nil
}
