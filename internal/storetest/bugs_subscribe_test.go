package storetest_test

import (
	"context"
	"errors"
	"iter"
	"math"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/storetest"
)

type sequence = iter.Seq2[dcb.SequencedEvent, error]

// onSubscribe returns a store with another implementation of Subscribe.
func onSubscribe(subscribe func(*storetest.Naive, subscribing) sequence) broken {
	return broken{subscribe: subscribe}
}

// withAfter returns a store that changes where subscriptions begin.
func withAfter(change func(after, head uint64) uint64) broken {
	return onSubscribe(func(n *storetest.Naive, s subscribing) sequence {
		head, _ := n.Head(context.Background())
		s.after = change(s.after, head)
		return s.to(n)
	})
}

// eachDelivered returns a store whose subscriptions deliver each event as often as
// times returns. times is passed the number of the event in the subscription and
// whether it was stored before the subscription started.
func eachDelivered(times func(number int, stored bool, e *dcb.SequencedEvent) int) broken {
	return onSubscribe(func(n *storetest.Naive, s subscribing) sequence {
		return func(yield func(dcb.SequencedEvent, error) bool) {
			head, _ := n.Head(context.Background())
			number := 0
			for event, err := range s.to(n) {
				copies := 1
				if number++; err == nil {
					copies = times(number, event.Position <= head, &event)
				}
				for range copies {
					if !yield(event, err) {
						return
					}
				}
			}
		}
	})
}

// endingWith returns a store whose subscriptions end with another error.
func endingWith(change func(error) error) broken {
	return onSubscribe(func(n *storetest.Naive, s subscribing) sequence {
		return func(yield func(dcb.SequencedEvent, error) bool) {
			var last error
			for event, err := range s.to(n) {
				if last = err; err == nil && !yield(event, nil) {
					return
				}
			}
			if err := change(last); err != nil {
				yield(dcb.SequencedEvent{}, err)
			}
		}
	})
}

var subscribeBugs = []bug{
	{"after is inclusive to a subscription", withAfter(func(after, _ uint64) uint64 { return after - min(after, 1) }), []string{
		"subscribing/after is exclusive",
		"subscribing/a subscription after the head waits for new events",
		"subscribing/a subscription restarts each time it is ranged over",
	}},
	{"a subscription begins one too late", withAfter(func(after, _ uint64) uint64 { return after + 1 }), []string{
		"subscribing/after 0 starts at the first event",
		"subscribing/after the maximum position nothing is delivered",
		"subscribing/a query without items selects every event",
		"limits/an event of the maximum size is accepted",
	}},
	{"after 0 is the head", withAfter(func(after, head uint64) uint64 {
		if after == 0 {
			return head
		}
		return after
	}), []string{"subscribing/after 0 starts at the first event"}},
	{"after past the head is the head", withAfter(func(after, head uint64) uint64 { return min(after, head) }), []string{
		"subscribing/after past the head skips the events up to it",
		"subscribing/after the maximum position nothing is delivered",
	}},
	{"after is a signed number to a subscription", withAfter(func(after, _ uint64) uint64 {
		if after > math.MaxInt64 {
			return 0
		}
		return after
	}), []string{"subscribing/after the maximum position nothing is delivered"}},
	{"a subscription ends after the stored events", eachDeliveredUntilLive(), []string{
		"subscribing/a subscription after the head waits for new events",
		"subscribing/an empty store can be subscribed to",
		"subscribing/only matching events are delivered, stored or new",
		"subscribing/a query that rarely matches misses no event",
		"subscribing/every subscription gets every event",
	}},
	{"a subscription to an empty store ends", onSubscribe(func(n *storetest.Naive, s subscribing) sequence {
		if head, _ := n.Head(context.Background()); head == 0 {
			return func(func(dcb.SequencedEvent, error) bool) {}
		}
		return s.to(n)
	}), []string{"subscribing/an empty store can be subscribed to", "subscribing/a slow subscription misses no event and blocks no append"}},
	{"the first live event is lost", eachDelivered(func() func(int, bool, *dcb.SequencedEvent) int {
		return func(number int, stored bool, e *dcb.SequencedEvent) int {
			if !stored && e.Position%5 == 3 {
				return 0
			}
			return 1
		}
	}()), []string{
		"subscribing/a subscription after the head waits for new events",
		"subscribing/catching up becomes live without gap or duplicate",
		"subscribing/every subscription gets every event",
		"subscribing/a slow subscription misses no event and blocks no append",
	}},
	{"live events are delivered twice", eachDelivered(func(_ int, stored bool, _ *dcb.SequencedEvent) int {
		if !stored {
			return 2
		}
		return 1
	}), []string{
		"subscribing/catching up becomes live without gap or duplicate",
		"subscribing/only matching events are delivered, stored or new",
		"subscribing/a query without items selects every event",
	}},
	{"an event is lost after each thousand", eachDelivered(func(number int, _ bool, _ *dcb.SequencedEvent) int {
		if number%1024 == 0 {
			return 0
		}
		return 1
	}), []string{
		"subscribing/catching up takes many batches",
		"subscribing/a slow subscription misses no event and blocks no append",
		"queries/many items are alternatives",
	}},
	{"the query of a subscription is ignored", onSubscribe(func(n *storetest.Naive, s subscribing) sequence {
		s.query = dcb.Query{}
		return s.to(n)
	}), []string{
		"subscribing/only matching events are delivered, stored or new",
		"subscribing/a query that rarely matches misses no event",
		"errors/an invalid query is an invalid argument",
		"queries/a type",
	}},
	{"a subscription returns no tracking", eachDelivered(func(_ int, _ bool, e *dcb.SequencedEvent) int {
		e.Tracking = nil
		return 1
	}), []string{"subscribing/events are delivered unchanged"}},
	{"a subscription resumes where it was left", onSubscribe(func(n *storetest.Naive, s subscribing) sequence {
		return func(yield func(dcb.SequencedEvent, error) bool) {
			for event, err := range s.to(n) {
				s.after = max(s.after, event.Position)
				if !yield(event, err) {
					return
				}
			}
		}
	}), []string{"subscribing/a subscription restarts each time it is ranged over"}},
	{"a subscription ends silently with its context", endingWith(func(err error) error {
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return nil
		}
		return err
	}), []string{
		"subscribing/a subscription ends with the error of its context",
		"contexts/a subscription with a cancelled context returns only an error",
		"contexts/a deadline ends a subscription",
	}},
	{"a subscription ends with an error when the store closes", endingWith(func(err error) error {
		if err == nil {
			return dcb.ErrClosed
		}
		return err
	}), []string{"subscribing/a subscription ends without error when the store is closed"}},
}

// eachDeliveredUntilLive returns a store whose subscriptions end at the head.
func eachDeliveredUntilLive() broken {
	return onSubscribe(func(n *storetest.Naive, s subscribing) sequence {
		head, _ := n.Head(context.Background())
		return func(yield func(dcb.SequencedEvent, error) bool) {
			if s.after >= head {
				return
			}
			for event, err := range s.to(n) {
				if !yield(event, err) || event.Position == head {
					return
				}
			}
		}
	})
}
