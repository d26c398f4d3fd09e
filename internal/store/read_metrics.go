package store

import (
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/internal/histogram"
)

// readStripes is the number of parts of the metrics of reads. Each cursor uses one of them, so
// that processors seldom wait for each other.
const readStripes = 8

// readMetrics is one part of the metrics of reads and subscriptions.
type readMetrics struct {
	opened, closed   atomic.Uint64 // reads
	messages, events atomic.Uint64

	first *histogram.Histogram // from the start of a read to its first message
	whole *histogram.Histogram // to its last message

	delivered       atomic.Uint64        // events of subscriptions; events includes them
	deliveryLatency *histogram.Histogram // from publishing to the subscription that waited

	_ [64]byte // no other part is in the same cache lines
}

func (m *readMetrics) init() {
	m.first = histogram.New(histogram.Seconds)
	m.whole = histogram.New(histogram.Seconds)
	m.deliveryLatency = histogram.New(histogram.Seconds)
}

// cursorMetrics is what a cursor needs to measure itself.
type cursorMetrics struct {
	stripe  *readMetrics
	started time.Duration
	first   bool // the first message was measured
	closed  bool

	// Of a subscription.
	woken   published     // the group that it reads next, if it has waited for that
	waiting atomic.Bool   // it has checked all events, or those after checked do not match
	checked atomic.Uint64 // the position up to which it has checked all events
}

// wake is called when a subscription was woken by a group.
func (m *cursorMetrics) wake(group published) {
	m.woken = group
	m.checked.Store(max(m.checked.Load(), group.first-1)) // others would have woken it
}

// opened is called when the cursor is complete.
func (c *cursor) opened() {
	m := &c.metrics
	m.stripe = &c.store.reads[rand.Uint32()%readStripes]
	m.started = clock()
	if c.follows {
		m.checked.Store(c.low - 1)
		c.store.subscriptions.add(c)
		return
	}
	m.stripe.opened.Add(1)
}

// observe counts a message with a number of events, or the error of Next.
func (c *cursor) observe(events uint64, err error) {
	m := &c.metrics
	if err == nil {
		m.stripe.messages.Add(1)
		m.stripe.events.Add(events)
	}
	if c.follows {
		c.observeDelivery(events)
		return
	}
	if m.first && !c.done || err != nil && !errors.Is(err, io.EOF) {
		return
	}
	elapsed := clock() - m.started
	if !m.first {
		m.first = true
		m.stripe.first.ObserveDuration(elapsed)
	}
	if c.done && !m.closed {
		m.stripe.whole.ObserveDuration(elapsed)
		c.Close()
	}
}

// observeDelivery counts the events of a message of a subscription.
func (c *cursor) observeDelivery(events uint64) {
	m := &c.metrics
	m.checked.Store(c.low - 1)
	if events > 0 {
		m.stripe.delivered.Add(events)
		if m.woken != (published{}) {
			m.stripe.deliveryLatency.ObserveDuration(clock() - m.woken.at)
		}
	}
	m.woken = published{}
}

// Close implements record.Cursor.
func (c *cursor) Close() {
	if c.metrics.closed {
		return
	}
	c.metrics.closed, c.done = true, true
	if c.follows {
		c.store.subscriptions.remove(c)
	} else {
		c.metrics.stripe.closed.Add(1)
	}
}

// subscriptions are the open subscriptions.
type subscriptions struct {
	mu   sync.Mutex
	open map[*cursor]struct{} // guarded by mu
}

func (s *subscriptions) init() { s.open = make(map[*cursor]struct{}) }

func (s *subscriptions) add(c *cursor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[c] = struct{}{}
}

func (s *subscriptions) remove(c *cursor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

// measure measures how far the subscriptions are from the head.
func (s *subscriptions) measure(head uint64, m *SubscriptionMetrics) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.Open = len(s.open)
	for c := range s.open {
		if checked := c.metrics.checked.Load(); checked < head && !c.metrics.waiting.Load() {
			m.Lagging++
			m.MaxLag = max(m.MaxLag, head-checked)
		}
	}
}

// upkeepMetrics counts the work of the flusher and the compactor.
type upkeepMetrics struct {
	flushed, flushFailures      atomic.Uint64
	compactions, compactedBytes atomic.Uint64
	rebuilt                     atomic.Uint64
}
