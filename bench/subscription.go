package main

import (
	"context"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"
)

// broadcaster appends an event and waits until all subscribers have received it.
type broadcaster struct {
	client
	subscribers []client
	random      *rand.Rand
	order       uint64

	ctx      context.Context // of the subscriptions: nil before they start, done if one has failed
	received chan time.Time  // when a subscriber received an event
}

// announcer is a client whose appends do not wake subscribers unless it is requested.
type announcer interface{ announce() }

func newBroadcaster(c client, subscribers []client) *broadcaster {
	if a, ok := c.(announcer); ok {
		a.announce()
	}
	return &broadcaster{
		client:      c,
		subscribers: subscribers,
		random:      rand.New(rand.NewPCG(0, 4)),
		received:    make(chan time.Time, len(subscribers)),
	}
}

func (b *broadcaster) call(ctx context.Context, t *tally) error {
	t.ownLatencies = true
	if b.ctx == nil {
		var running *errgroup.Group
		running, b.ctx = errgroup.WithContext(ctx)
		for _, s := range b.subscribers {
			running.Go(func() error { return s.subscribe(b.ctx, b.deliver) })
		}
	}
	b.order++
	events := []event{{order: b.order, high: b.random.Uint64(), low: b.random.Uint64()}}
	began := time.Now()
	if _, err := b.append(ctx, events, nil); err != nil {
		return err
	}
	t.appended.Add(1)
	for range b.subscribers {
		select {
		case at := <-b.received:
			t.count(1)
			t.record(at.Sub(began))
		case <-b.ctx.Done():
			return context.Cause(b.ctx)
		}
	}
	return nil
}

// deliver notes that a subscriber has received events.
func (b *broadcaster) deliver(events int64) {
	now := time.Now()
	for range events {
		select {
		case b.received <- now:
		case <-b.ctx.Done():
			return
		}
	}
}
