package backup

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/time/rate"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/record"
)

// copier copies from a source to a target.
type copier struct {
	source   Source
	observer Observer
	retry    func(error) bool
	limiter  *rate.Limiter // nil without a limit
	summary  Summary
	bundle   bool
	complete chan struct{} // closed when everything was copied first

	mu       sync.Mutex
	target   Target // guarded by mu while syncRegularly runs
	unsynced int    // bytes; guarded by mu
}

func newCopier(source Source, target Target, o *Options) *copier {
	c := &copier{source: source, observer: o.Observer, retry: o.Retry, bundle: o.Bundle, complete: make(chan struct{})}
	if c.observer == nil {
		c.observer = silent{}
	}
	if c.retry == nil {
		c.retry = func(err error) bool { return errors.Is(err, dcb.ErrTransport) }
	}
	c.setTarget(target)
	if o.Rate > 0 {
		// A step of an eighth of a second, so that the load is even.
		c.limiter = rate.NewLimiter(rate.Limit(o.Rate), int(max(1, o.Rate/8)))
	}
	return c
}

func (c *copier) setTarget(target Target) {
	c.target, c.summary = target, Summary{Tail: target.Tail()}
}

// silent is an observer that does nothing.
type silent struct{}

func (silent) Progress(Summary) {}
func (silent) CaughtUp(Summary) {}
func (silent) Lost(error)       {}
func (silent) Reachable()       {}

// copy copies the groups that the target does not have.
func (c *copier) copy(ctx context.Context, follow bool) error {
	tail := c.summary.Tail
	err := c.copyAfter(ctx, tail.ID(), follow, nil)
	if !errors.Is(err, dcb.ErrIntegrity) {
		return err
	}
	if target, ok := c.target.(closable); ok {
		// If the copy was opened and closed, but not written, its last group is its own.
		c.mu.Lock()
		before, closed, closeErr := target.BeforeClose()
		c.mu.Unlock()
		if closeErr != nil {
			return closeErr
		}
		if closed && before.Index > 0 { // any store continues an empty one
			again := c.copyAfter(ctx, before.ID(), follow, func() error { return target.RemoveClose(before) })
			if !errors.Is(again, dcb.ErrIntegrity) {
				return again
			}
		}
	}
	return fmt.Errorf("%w; the source does not continue the copy, which ends with group %d at position %d: the copy was opened and written since, or the source is another store or was restored to an earlier point; keep this copy, and make a new one in another directory or prefix", err, tail.Index, tail.Next-1)
}

// copyAfter copies the groups after one. It calls before, which may be nil, when the first
// group has arrived.
func (c *copier) copyAfter(ctx context.Context, after eventlog.GroupID, follow bool, before func() error) error {
	return c.each(ctx, section{after: after, follow: follow, write: func(g *eventlog.Group) (bool, error) {
		err := c.write(g, before)
		before = nil
		return true, err
	}})
}

// section is a part of a log.
type section struct {
	after  eventlog.GroupID
	follow bool
	covers func(*eventlog.Group) bool // nil for all groups; the first group for which it is false is after the end
	// write writes a group, and reports whether there may be more.
	write func(*eventlog.Group) (more bool, err error)
}

// each writes the groups of a section, after it has verified their records, and not faster
// than wanted.
func (c *copier) each(ctx context.Context, s section) error {
	for g, err := range c.source.Groups(ctx, s.after, s.follow) {
		if err == nil && s.covers != nil && !s.covers(&g) {
			return nil
		}
		tracking := uint64(0)
		if err == nil {
			tracking, err = checkRecords(&g)
		}
		if err == nil {
			err = c.pause(ctx, len(g.Header)+len(g.Payload))
		}
		more := false
		if err == nil {
			more, err = s.write(&g)
		}
		if err != nil {
			return err
		}
		c.summary.Tracking += tracking
		c.observer.Progress(c.summary)
		if !more {
			return nil
		}
	}
	return nil
}

// checkRecords verifies the records of a group: its checksums may be right although its
// content is not. It returns the number of tracking-only records.
func checkRecords(g *eventlog.Group) (tracking uint64, err error) {
	for r, err := range record.StoredRecords(g.Payload, g.First, int(g.Count)) {
		if err != nil {
			return 0, &dcb.Error{Kind: dcb.ErrCorruption, Detail: fmt.Sprintf("group %d of the source", g.Index), Cause: err}
		}
		if r.Position == 0 {
			tracking++
		}
	}
	return tracking, nil
}

// pause waits until n more bytes may be copied.
func (c *copier) pause(ctx context.Context, n int) error {
	for c.limiter != nil && n > 0 {
		step := min(n, c.limiter.Burst())
		if err := c.limiter.WaitN(ctx, step); err != nil {
			return err
		}
		n -= step
	}
	return ctx.Err()
}

func (c *copier) write(g *eventlog.Group, before func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if before != nil {
		if err := before(); err != nil {
			return targetError(err)
		}
	}
	if err := c.target.Write(g); err != nil {
		return targetError(err)
	}
	size := len(g.Header) + len(g.Payload)
	c.unsynced += size
	c.summary.Groups++
	c.summary.Events += uint64(g.Count)
	c.summary.Bytes += uint64(size)
	c.summary.Tail = c.target.Tail()
	if !c.bundle && c.unsynced >= syncBytes {
		return c.syncLocked()
	}
	return nil
}

func (c *copier) sync() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.syncLocked()
}

func (c *copier) syncLocked() error {
	c.unsynced = 0
	return targetError(c.target.Sync())
}
