package sharedlog

import (
	"context"
	"sync"
	"time"
)

// Tail is what a client of an engine knows about new records, for adapters that implement Wait
// with notifications of the engine. Notifications and polling only wake the callers of Wait: what
// they then read does not depend on them. The zero value is ready to use.
type Tail struct {
	mu      sync.Mutex
	last    uint64        // largest index that is known; guarded by mu
	changed chan struct{} // closed when last is raised; guarded by mu
	// answered is one more than the index after which the last call of Wait has found a record, as
	// far as last says, or 0; guarded by mu.
	answered uint64
}

// Raise notes that there is a record at an index.
func (t *Tail) Raise(last uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last <= t.last {
		return
	}
	t.last = last
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// doubt forgets what is known after an index if the last call of Wait has returned because of it.
// The caller has found no such record: the engine may have lost it, or a notification was wrong.
func (t *Tail) doubt(after uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.answered == after+1 {
		t.last = min(t.last, after)
	}
	t.answered = 0
}

// answer notes that Wait returns because there is a record after an index.
func (t *Tail) answer(after uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answered = after + 1
}

// get returns the last index, and a channel that is closed when there is a larger one.
func (t *Tail) get() (uint64, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changed == nil {
		t.changed = make(chan struct{})
	}
	return t.last, t.changed
}

// Polling is how Tail.Wait looks for records of which no notification has come.
type Polling struct {
	Interval time.Duration
	// Look calls Tail.Raise with the last index.
	Look func(context.Context) error
	// Closed is closed by Close.
	Closed <-chan struct{}
}

// Wait waits until the last index is above after. It looks at first, and then once in each
// interval.
func (t *Tail) Wait(ctx context.Context, after uint64, polling Polling) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	poll := time.NewTicker(polling.Interval)
	defer poll.Stop()
	t.doubt(after)
	for look := true; ; {
		last, changed := t.get()
		if look && last <= after {
			if err := polling.Look(ctx); err != nil {
				return err
			}
			look = false
			continue
		}
		select {
		case <-polling.Closed:
			return ErrClosed
		default:
		}
		if last > after {
			t.answer(after)
			return nil
		}
		select {
		case <-changed:
		case <-poll.C:
			look = true
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-polling.Closed:
		}
	}
}
