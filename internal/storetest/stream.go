package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

// stream is a subscription that runs in its own goroutine, so that a store that
// never ends it fails the rule and does not hang it.
type stream struct {
	s      *scene
	items  chan item
	cancel context.CancelFunc
}

type item struct {
	event dcb.SequencedEvent
	err   error
}

// subscribe begins a subscription, which ends with the rule.
func (s *scene) subscribe(query dcb.Query, after uint64) *stream {
	ctx, cancel := context.WithCancel(s.ctx)
	sub := &stream{s: s, items: make(chan item), cancel: cancel}
	given := make(chan struct{})
	s.Cleanup(func() {
		cancel()
		close(given)
	})
	go func() {
		defer close(sub.items)
		for event, err := range s.store.Subscribe(ctx, query, after) {
			select {
			case sub.items <- item{event, err}:
			case <-given:
				return
			}
		}
	}()
	return sub
}

// subscribeLive begins a subscription and gives it time to come to wait.
func (s *scene) subscribeLive(query dcb.Query, after uint64) *stream {
	sub := s.subscribe(query, after)
	time.Sleep(10 * time.Millisecond)
	return sub
}

// next gives the next event, which must come.
func (sub *stream) next() dcb.SequencedEvent {
	sub.s.Helper()
	select {
	case got, open := <-sub.items:
		if !open || got.err != nil {
			sub.s.Fatalf("the subscription ended (error %v) where an event was due", got.err)
		}
		return got.event
	case <-sub.s.ctx.Done():
		sub.s.Fatalf("no event came where one was due")
	}
	panic("unreachable")
}

// want checks which events come next.
func (sub *stream) want(numbers ...int) {
	sub.s.Helper()
	for i, want := range numbers {
		if got := int(sub.next().Position) - int(sub.s.base); got != want {
			sub.s.Fatalf("after %d events the subscription gave event %d, want %d", i, got, want)
		}
	}
}

// wantEnd checks that the subscription ends now, with an error of this kind or
// with none. Events on their way may come before.
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
				sub.s.Errorf("the subscription went on after the error %v", last)
			}
			if !errors.Is(last, kind) {
				sub.s.Errorf("the subscription ended with error %v, want %v", last, kind)
			}
			return
		case <-sub.s.ctx.Done():
			sub.s.Fatalf("the subscription did not end")
		}
	}
}
