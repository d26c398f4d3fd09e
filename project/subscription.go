package project

import (
	"context"
	"errors"

	"github.com/umadb-go/umadb/dcb"
)

// subscription collects events in batches: those that arrive while a batch is handled are in the
// next one.
type subscription struct {
	events chan dcb.SequencedEvent
	err    error // why events is closed
	cancel context.CancelFunc
}

// errEnded is the error of a subscription that ended without one, because a server stopped.
var errEnded = errors.New("the subscription has ended")

// subscribe returns a subscription to the events after position. It reads
// one batch in advance.
func (p *projection) subscribe(ctx context.Context, position uint64) *subscription {
	ctx, cancel := context.WithCancel(ctx)
	s := &subscription{events: make(chan dcb.SequencedEvent, p.options.BatchEvents), cancel: cancel}
	go func() {
		defer close(s.events)
		for event, err := range p.store.Subscribe(ctx, p.query, position) {
			if err != nil {
				s.err = err
				return
			}
			select {
			case s.events <- event:
			case <-ctx.Done():
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

// next waits for events and returns those that are there, at least one and at most limit.
func (s *subscription) next(limit int) ([]dcb.SequencedEvent, error) {
	event, open := <-s.events
	if !open {
		return nil, s.err
	}
	events := []dcb.SequencedEvent{event}
	for len(events) < limit {
		select {
		case event, open := <-s.events:
			if !open {
				return events, nil // the next call returns the error
			}
			events = append(events, event)
		default:
			return events, nil
		}
	}
	return events, nil
}

// close ends the subscription, and waits until it has ended.
func (s *subscription) close() {
	s.cancel()
	for range s.events {
		// They have not been handled, and are read again.
	}
}
