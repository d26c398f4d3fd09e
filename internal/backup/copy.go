package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/record"
)

const (
	// syncBytes bounds the bytes that a copy has written and not synced. syncEvery is the
	// default of Options.SyncEvery.
	syncBytes = 16 << 20
	syncEvery = 200 * time.Millisecond
	// firstRetry and lastRetry bound the pause before the next attempt to reach a source.
	firstRetry = 500 * time.Millisecond
	lastRetry  = 15 * time.Second
)

// Source has the groups of a store.
type Source interface {
	// Groups iterates over the groups after one, as (*store.Store).Groups does. An error of
	// kind dcb.ErrTransport means that a later attempt may succeed.
	Groups(ctx context.Context, after eventlog.GroupID, follow bool) iter.Seq2[eventlog.Group, error]
}

// Target is a copy that is being written. After an error the copy can only be
// closed.
type Target interface {
	Tail() eventlog.Tail
	Write(*eventlog.Group) error
	// Sync makes all groups durable.
	Sync() error
	// BeforeClose and RemoveClose are those of eventlog.Receiver.
	BeforeClose() (eventlog.Tail, bool, error)
	RemoveClose(before eventlog.Tail) error
	// Close makes all groups durable and ends the copy.
	Close() error
}

// Options configure a copy.
type Options struct {
	// Rate is how many bytes are copied a second; 0 is without a limit.
	Rate int64
	// SyncEvery is the greatest age of groups that are not synced while a copy follows its
	// source. The default is 200 ms.
	SyncEvery time.Duration
	// Bundle is for targets to which a sync is expensive: there is none until everything was
	// copied, and then only one at SyncEvery.
	Bundle bool
	// Observer is notified of what happens; it may be nil.
	Observer Observer
}

// Observer is notified of what happens. Its methods are called by one goroutine.
type Observer interface {
	Progress(Summary)
	// CaughtUp is called once, when the copy first has everything that the source has.
	CaughtUp(Summary)
	// Lost is called when the source cannot be reached, and Reachable when it can again.
	Lost(error)
	Reachable()
}

// Summary is what was copied, and where the copy ends.
type Summary struct {
	Groups, Events, Bytes uint64
	Tail                  eventlog.Tail
}

// Copy copies the groups that the target does not have and the source has now. The target
// remains to be closed; only then is the copy complete and durable.
func Copy(ctx context.Context, source Source, target Target, o *Options) (Summary, error) {
	c := newCopier(source, target, o)
	err := c.copy(ctx, false)
	return c.summary, err
}

// Follow copies like Copy, and then new groups as they are appended to the source. If the
// source cannot be reached, it tries again. It ends with the error of ctx, or with one
// that another attempt cannot mend. Each group is durable soon after it was received.
func Follow(ctx context.Context, source Source, target Target, o *Options) (Summary, error) {
	c := newCopier(source, target, o)
	ctx, cancel := context.WithCancelCause(ctx)
	var syncing sync.WaitGroup
	syncing.Go(func() { c.syncRegularly(ctx, cmp.Or(o.SyncEvery, syncEvery), cancel) })
	err := c.follow(ctx)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	cancel(nil)
	syncing.Wait()
	return c.summary, err
}

// copier copies from a source to a target.
type copier struct {
	source   Source
	observer Observer
	limiter  *rate.Limiter // nil without a limit
	summary  Summary
	bundle   bool
	complete chan struct{} // closed when everything was copied first

	mu       sync.Mutex
	target   Target // guarded by mu while syncRegularly runs
	unsynced int    // bytes; guarded by mu
}

func newCopier(source Source, target Target, o *Options) *copier {
	c := &copier{source: source, observer: o.Observer, bundle: o.Bundle, complete: make(chan struct{})}
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

// follow copies until ctx is done, or until an error that another attempt cannot mend.
func (c *copier) follow(ctx context.Context) error {
	pause, caughtUp, lost := firstRetry, false, false
	for {
		err := c.copy(ctx, false)
		if err == nil {
			err = c.sync()
		}
		if err == nil {
			if lost && c.observer != nil {
				c.observer.Reachable()
			}
			if !caughtUp {
				close(c.complete)
			}
			if !caughtUp && c.observer != nil {
				c.observer.CaughtUp(c.summary)
			}
			pause, caughtUp, lost = firstRetry, true, false
			err = c.copy(ctx, true)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil { // a proxy may end a stream as if it were complete
			err = &dcb.Error{Kind: dcb.ErrTransport, Detail: "the source has ended the stream of commits"}
		}
		if !errors.Is(err, dcb.ErrTransport) {
			return err
		}
		if err := c.sync(); err != nil {
			return err
		}
		if !lost && c.observer != nil {
			c.observer.Lost(err)
		}
		lost = true
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, lastRetry)
	}
}

// copy copies the groups that the target does not have.
func (c *copier) copy(ctx context.Context, follow bool) error {
	tail := c.summary.Tail
	err := c.copyAfter(ctx, tail.ID(), follow, nil)
	if !errors.Is(err, dcb.ErrIntegrity) {
		return err
	}
	c.mu.Lock()
	before, closed, closeErr := c.target.BeforeClose()
	c.mu.Unlock()
	if closeErr != nil {
		return closeErr
	}
	if closed && before.Index > 0 { // any store continues an empty one
		// If the copy was opened and closed, but not written, its last group is its own.
		again := c.copyAfter(ctx, before.ID(), follow, func() error { return c.target.RemoveClose(before) })
		if !errors.Is(again, dcb.ErrIntegrity) {
			return again
		}
	}
	return fmt.Errorf("%w; the source does not continue the copy, which ends with group %d at position %d: the copy was opened and written since, or the source is another store or was restored to an earlier point; keep this copy, and make a new one in another directory or prefix", err, tail.Index, tail.Next-1)
}

// copyAfter copies the groups after one. It calls before, which may be nil, when the first
// group has arrived.
func (c *copier) copyAfter(ctx context.Context, after eventlog.GroupID, follow bool, before func() error) error {
	for g, err := range c.source.Groups(ctx, after, follow) {
		if err == nil {
			err = checkRecords(&g)
		}
		if err == nil {
			err = c.pause(ctx, len(g.Header)+len(g.Payload))
		}
		if err == nil {
			err = c.write(&g, before)
			before = nil
		}
		if err != nil {
			return err
		}
		if c.observer != nil {
			c.observer.Progress(c.summary)
		}
	}
	return nil
}

// checkRecords verifies the records of a group: its checksums may be right although its
// content is not.
func checkRecords(g *eventlog.Group) error {
	for _, err := range record.StoredRecords(g.Payload, g.First, int(g.Count)) {
		if err != nil {
			return &dcb.Error{Kind: dcb.ErrCorruption, Detail: fmt.Sprintf("group %d of the source", g.Index), Cause: err}
		}
	}
	return nil
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

// syncRegularly syncs the copy until ctx is done. It cancels the copy if that fails.
func (c *copier) syncRegularly(ctx context.Context, every time.Duration, cancel context.CancelCauseFunc) {
	if c.bundle {
		select {
		case <-c.complete:
		case <-ctx.Done():
			return
		}
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if err := c.sync(); err != nil {
			cancel(err)
			return
		}
	}
}
