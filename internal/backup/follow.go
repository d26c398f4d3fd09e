package backup

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/retry"
)

// Follow copies like Copy, and then new groups as they are appended to the source. If the
// source cannot be reached, it tries again. It ends with the error of ctx, or with one after
// which it does not try again. Each group is durable soon after it was received.
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

// follow copies until ctx is done, or until an error after which it does not try again.
func (c *copier) follow(ctx context.Context) error {
	attempts, caughtUp := retry.Attempts{Lost: c.observer.Lost, Reachable: c.observer.Reachable}, false
	for {
		err := c.copy(ctx, false)
		if err == nil {
			err = c.sync()
		}
		if err == nil {
			attempts.Succeeded()
			if !caughtUp {
				close(c.complete)
				c.observer.CaughtUp(c.summary)
			}
			caughtUp = true
			err = c.copy(ctx, true)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil { // a proxy may end a stream as if it were complete
			err = &dcb.Error{Kind: dcb.ErrTransport, Detail: "the source has ended the stream of commits"}
		}
		if !c.retry(err) {
			return err
		}
		if err := c.sync(); err != nil {
			return err
		}
		if err := attempts.Failed(ctx, err); err != nil {
			return err
		}
	}
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
