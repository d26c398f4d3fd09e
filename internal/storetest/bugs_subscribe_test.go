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

// onSubscribe is a store with another way to subscribe.
func onSubscribe(subscribe func(*storetest.Naive, subscribing) sequence) broken {
	return broken{subscribe: subscribe}
}

// withAfter is a store that changes where subscriptions begin.
func withAfter(change func(after, head uint64) uint64) broken {
	return onSubscribe(func(n *storetest.Naive, s subscribing) sequence {
		head, _ := n.Head(context.Background())
		s.after = change(s.after, head)
		return s.to(n)
	})
}

// eachDelivered is a store whose subscriptions pass each event, with its number
// in the subscription and whether it was stored before, to a function that says
// how often to give it.
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

// endingWith is a store whose subscriptions end with another error.
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
		"subscribing/after the head it waits for what comes",
		"subscribing/it begins anew each time it is ranged over",
	}},
	{"a subscription begins one too late", withAfter(func(after, _ uint64) uint64 { return after + 1 }), []string{
		"subscribing/after 0 is from the first event",
		"subscribing/after the greatest position nothing ever comes",
		"subscribing/a query without items gets every event",
		"limits/the greatest event comes back",
	}},
	{"after 0 is the head", withAfter(func(after, head uint64) uint64 {
		if after == 0 {
			return head
		}
		return after
	}), []string{"subscribing/after 0 is from the first event"}},
	{"after past the head is the head", withAfter(func(after, head uint64) uint64 { return min(after, head) }), []string{
		"subscribing/after past the head only events above it come",
		"subscribing/after the greatest position nothing ever comes",
	}},
	{"after is a signed number to a subscription", withAfter(func(after, _ uint64) uint64 {
		if after > math.MaxInt64 {
			return 0
		}
		return after
	}), []string{"subscribing/after the greatest position nothing ever comes"}},
	{"a subscription ends with what is stored", eachDeliveredUntilLive(), []string{
		"subscribing/after the head it waits for what comes",
		"subscribing/an empty store can be subscribed to",
		"subscribing/only what matches comes, stored or new",
		"subscribing/a query that rarely matches misses nothing",
		"subscribing/all subscriptions get everything",
	}},
	{"a subscription to an empty store ends", onSubscribe(func(n *storetest.Naive, s subscribing) sequence {
		if head, _ := n.Head(context.Background()); head == 0 {
			return func(func(dcb.SequencedEvent, error) bool) {}
		}
		return s.to(n)
	}), []string{"subscribing/an empty store can be subscribed to", "subscribing/one that is slow misses nothing and holds up nobody"}},
	{"the first live event is lost", eachDelivered(func() func(int, bool, *dcb.SequencedEvent) int {
		return func(number int, stored bool, e *dcb.SequencedEvent) int {
			if !stored && e.Position%5 == 3 {
				return 0
			}
			return 1
		}
	}()), []string{
		"subscribing/after the head it waits for what comes",
		"subscribing/catching up runs into live without gap or duplicate",
		"subscribing/all subscriptions get everything",
		"subscribing/one that is slow misses nothing and holds up nobody",
	}},
	{"live events come twice", eachDelivered(func(_ int, stored bool, _ *dcb.SequencedEvent) int {
		if !stored {
			return 2
		}
		return 1
	}), []string{
		"subscribing/catching up runs into live without gap or duplicate",
		"subscribing/only what matches comes, stored or new",
		"subscribing/a query without items gets every event",
	}},
	{"an event is lost after each thousand", eachDelivered(func(number int, _ bool, _ *dcb.SequencedEvent) int {
		if number%1024 == 0 {
			return 0
		}
		return 1
	}), []string{
		"subscribing/catching up takes many batches",
		"subscribing/one that is slow misses nothing and holds up nobody",
		"queries/many items are alternatives",
	}},
	{"a subscription has no query", onSubscribe(func(n *storetest.Naive, s subscribing) sequence {
		s.query = dcb.Query{}
		return s.to(n)
	}), []string{
		"subscribing/only what matches comes, stored or new",
		"subscribing/a query that rarely matches misses nothing",
		"errors/an invalid query is an invalid argument",
		"queries/a type",
	}},
	{"a subscription gives no tracking", eachDelivered(func(_ int, _ bool, e *dcb.SequencedEvent) int {
		e.Tracking = nil
		return 1
	}), []string{"subscribing/events come as they were appended"}},
	{"a subscription begins where it was left", onSubscribe(func(n *storetest.Naive, s subscribing) sequence {
		return func(yield func(dcb.SequencedEvent, error) bool) {
			for event, err := range s.to(n) {
				s.after = max(s.after, event.Position)
				if !yield(event, err) {
					return
				}
			}
		}
	}), []string{"subscribing/it begins anew each time it is ranged over"}},
	{"a subscription ends silently with its context", endingWith(func(err error) error {
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return nil
		}
		return err
	}), []string{
		"subscribing/it ends with an error when its context does",
		"contexts/a subscription whose context is over gives only an error",
		"contexts/a deadline ends a subscription",
	}},
	{"a subscription ends with an error when the store closes", endingWith(func(err error) error {
		if err == nil {
			return dcb.ErrClosed
		}
		return err
	}), []string{"subscribing/it ends without an error when the store closes"}},
}

// eachDeliveredUntilLive is a store whose subscriptions end at the head.
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
