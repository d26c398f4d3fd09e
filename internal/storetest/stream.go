package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

// stream is a subscription that runs in its own goroutine, so that a subscription
// that never ends fails the rule and does not block it.
type stream struct {
	s      *fixture
	items  chan item
	cancel context.CancelFunc
}

type item struct {
	event dcb.SequencedEvent
	err   error
}

// subscribe starts a subscription that is cancelled at the end of the rule.
func (s *fixture) subscribe(query dcb.Query, after uint64) *stream {
	ctx, cancel := context.WithCancel(s.ctx)
	sub := &stream{s: s, items: make(chan item), cancel: cancel}
	done := make(chan struct{})
	s.Cleanup(func() {
		cancel()
		close(done)
	})
	go func() {
		defer close(sub.items)
		for event, err := range s.store.Subscribe(ctx, query, after) {
			select {
			case sub.items <- item{event, err}:
			case <-done:
				return
			}
		}
	}()
	return sub
}

// subscribeLive starts a subscription and allows it time to catch up.
func (s *fixture) subscribeLive(query dcb.Query, after uint64) *stream {
	sub := s.subscribe(query, after)
	time.Sleep(10 * time.Millisecond)
	return sub
}

// next returns the next event, which must be delivered.
func (sub *stream) next() dcb.SequencedEvent {
	sub.s.Helper()
	select {
	case got, open := <-sub.items:
		if !open || got.err != nil {
			sub.s.Fatalf("subscription ended (error %v), want an event", got.err)
		}
		return got.event
	case <-sub.s.ctx.Done():
		sub.s.Fatalf("no event was delivered")
	}
	panic("unreachable")
}

// want checks which events are delivered next.
func (sub *stream) want(numbers ...int) {
	sub.s.Helper()
	for i, want := range numbers {
		if got := int(sub.next().Position) - int(sub.s.base); got != want {
			sub.s.Fatalf("after %d events the subscription delivered event %d, want %d", i, got, want)
		}
	}
}

// wantEnd checks that the subscription ends now, with an error of this kind or
// without one if kind is nil. Events in flight may be delivered first.
func (sub *stream) wantEnd(kind error) {
	sub.s.Helper()
	var last error
	for {
		select {
		case got, open := <-sub.items:
			if open && last == nil {
				last = got.err
				continue
			}
			if open {
				sub.s.Errorf("the subscription continued after the error %v", last)
			}
			if !errors.Is(last, kind) {
				sub.s.Errorf("subscription ended with error %v, want %v", last, kind)
			}
			return
		case <-sub.s.ctx.Done():
			sub.s.Fatalf("the subscription did not end")
		}
	}
}
