package project

import (
	"context"
	"errors"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

// subscription collects events in batches: those that arrive while a batch is handled are in the
// next one.
type subscription struct {
	items   chan item
	err     error  // why items is closed
	checked uint64 // the position up to which next has returned all events that match
	cancel  context.CancelFunc
}

// item is an event or, if event.Position is 0, the position up to which all events were checked.
type item struct {
	event   dcb.SequencedEvent
	checked uint64
}

// errEnded is the error of a subscription that ended without one, because a server stopped.
var errEnded = errors.New("the subscription has ended")

// subscribe returns a subscription to the events after position. It reads
// one batch in advance.
func (p *projection) subscribe(ctx context.Context, position uint64) *subscription {
	ctx, cancel := context.WithCancel(ctx)
	s := &subscription{items: make(chan item, p.options.BatchEvents), cancel: cancel}
	send := func(i item) bool {
		select {
		case s.items <- i:
			return true
		case <-ctx.Done():
			return false
		}
	}
	options := dcb.SubscribeOptions{OnProgress: func(progress dcb.Progress) { send(item{checked: progress.Checked}) }}
	go func() {
		defer close(s.items)
		for event, err := range p.store.Subscribe(ctx, p.query, position, options) {
			if err != nil {
				s.err = err
				return
			}
			if !send(item{event: event}) {
				s.err = ctx.Err()
				return
			}
		}
		if _, s.err = p.store.Head(ctx); s.err == nil { // otherwise the store is closed
			s.err = errEnded
		}
	}()
	return s
}

// moveAfter is how long next waits for events before the position moves over those that do not match. So
// a store to which other events are appended does not cost the target a transaction more for each
// batch with events.
const moveAfter = 50 * time.Millisecond

// next waits for events, at most limit, or for a position up to which no more events match. It
// returns the batch of what is there after a position.
//
// The position of a batch with events is that of its last event, also if more positions were checked.
// So the target refuses, if it requires that positions increase, the events that another instance
// has handled, although that has checked more or fewer positions. The next batch has no events
// then, unless more have arrived.
func (s *subscription) next(after uint64, limit int) (Batch, error) {
	batch := Batch{After: after, Position: max(after, s.checked)}
	for batch.Position == after {
		i, open := <-s.items
		if !open {
			return batch, s.err
		}
		s.add(&batch, i)
	}
	if len(batch.Events) == 0 && !s.wait(&batch) {
		return batch, nil
	}
	for len(batch.Events) < limit {
		select {
		case i, open := <-s.items:
			if !open {
				return batch, nil // the next call returns the error
			}
			s.add(&batch, i)
		default:
			return batch, nil
		}
	}
	return batch, nil
}

// wait waits for an event for moveAfter, and reports whether there is one.
func (s *subscription) wait(b *Batch) bool {
	pause := time.NewTimer(moveAfter)
	defer pause.Stop()
	for len(b.Events) == 0 {
		select {
		case i, open := <-s.items:
			if !open {
				return false // the next call of next returns the error
			}
			s.add(b, i)
		case <-pause.C:
			return false
		}
	}
	return true
}

// add adds an item to a batch.
func (s *subscription) add(b *Batch, i item) {
	if i.event.Position != 0 {
		b.Events = append(b.Events, i.event)
		b.Position = i.event.Position
		return
	}
	s.checked = max(s.checked, i.checked)
	if len(b.Events) == 0 {
		b.Position = max(b.Position, s.checked)
	}
}

// close ends the subscription, and waits until it has ended.
func (s *subscription) close() {
	s.cancel()
	for range s.items {
		// They have not been handled, and are read again.
	}
}
