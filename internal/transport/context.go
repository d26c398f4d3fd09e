package transport

import (
	"context"
	"sync"
	"time"
)

// callContext is the context of a call that a goroutine serves. It makes a channel only for
// those that wait, which most calls end without. The contexts of package context would take
// several allocations for each call.
type callContext struct {
	deadline time.Time // zero if there is none

	mu    sync.Mutex
	done  chan struct{}        // guarded by mu; nil until it is needed
	err   error                // guarded by mu; not nil once the call has ended
	after map[*func()]struct{} // guarded by mu; to be called when the call ends
}

var _ context.Context = (*callContext)(nil)

// Deadline implements context.Context.
func (c *callContext) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }

// Value returns nil.
func (c *callContext) Value(any) any { return nil }

// Err implements context.Context.
func (c *callContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Done implements context.Context.
func (c *callContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.err != nil {
			close(c.done)
		}
	}
	return c.done
}

// AfterFunc is what package context uses for contexts that are derived from this one, in
// place of a goroutine that waits.
func (c *callContext) AfterFunc(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		go f()
		return func() bool { return false }
	}
	if c.after == nil {
		c.after = make(map[*func()]struct{})
	}
	c.after[&f] = struct{}{}
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, waiting := c.after[&f]
		delete(c.after, &f)
		return waiting
	}
}

// end records that the call has ended: the first error counts.
func (c *callContext) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = err
	if c.done != nil {
		close(c.done)
	}
	for f := range c.after {
		go (*f)()
	}
	c.after = nil
}
