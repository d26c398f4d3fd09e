package store

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/retry"
	"github.com/umadb-go/umadb/internal/sharedlog"
)

// maxAttempts is how often a group that does not follow is read before the store halts.
const maxAttempts = 3

// emptyPause is the pause after a read that has found nothing.
const emptyPause = 10 * time.Millisecond

// followInterval bounds how long the follower relies on Wait.
const followInterval = time.Second

// runFollower adopts the groups of other stores. It does not give up, whatever it reads: what
// was wrong may have been repaired.
func (s *Store) runFollower() {
	f := &follower{store: s, shared: s.shared}
	f.join()
	end, _ := f.contact.lag()
	f.lags = end > s.published.Load().group
	for s.failureError() == nil && s.background.ctx.Err() == nil {
		group, err := f.follow()
		if err == nil {
			f.lags = f.lags || f.failures > 0
			f.failures, f.invalid = 0, 0
			f.followed()
			continue
		}
		f.failed(group, err)
		_ = retry.Wait(s.background.ctx, pauseAfter(f.failures-1))
	}
}

// follower reads the groups of the shared log.
type follower struct {
	*shared
	store    *Store
	failures int                 // in a row
	invalid  int                 // of these, the last ones that were because of a record
	lags     bool                // a line is logged when that ends
	reported []sharedlog.Replica // see peers
}

// join joins the shared log if the store was opened without an answer of it.
func (f *follower) join() {
	ctx := f.store.background.ctx
	for failures := 0; !f.hasJoined() && retry.Wait(ctx, pauseAfter(failures)) == nil; failures++ {
		if err := f.store.join(ctx); err != nil && !errors.Is(err, dcb.ErrTransport) {
			f.store.haltBecause(f.store.published.Load().group+1, err)
		}
	}
}

// follow waits for groups and adopts them. With an error, it returns the group that it could not
// read.
func (f *follower) follow() (group uint64, err error) {
	known := f.known()
	f.wait(known)
	if f.known() > known {
		return 0, nil // the new group is of this store
	}
	ctx, cancel := context.WithTimeout(f.store.background.ctx, f.timeoutOf(f.answerBytes(f.failures)))
	defer cancel()
	next := f.store.published.Load().group + 1
	records, err := f.Log.Read(ctx, next)
	switch {
	case errors.Is(err, sharedlog.ErrTrimmed) && f.Peers != nil:
		return next, f.readFromPeers()
	case err != nil:
		return next, err
	case len(records) == 0: // Wait has returned too early, or this server was faster
		_ = retry.Wait(ctx, emptyPause)
		return 0, nil
	}
	f.contact.reaches(records[len(records)-1].Index, nil)
	groups, decodeErr := groupsOf(records)
	err = f.store.pipeline.adopt(f.store.background.ctx, groups)
	return next + uint64(len(groups)), cmp.Or(err, decodeErr)
}

// known returns the last group that the store has or proposes.
func (f *follower) known() uint64 { return max(f.store.published.Load().group, f.proposing.Load()) }

// wait waits until the shared log probably has a group after another one.
func (f *follower) wait(after uint64) {
	ctx, cancel := context.WithTimeout(f.store.background.ctx, followInterval)
	defer cancel()
	if err := f.Log.Wait(ctx, after); err != nil {
		_ = retry.Wait(ctx, firstPause)
	}
}

// failed notes that a group could not be read or adopted, and halts the store if that shows that
// the store cannot follow.
func (f *follower) failed(group uint64, err error) {
	f.failures++
	if f.invalid++; !isForeignHistory(err) {
		f.invalid = 0
	}
	if 0 < f.invalid && f.invalid < maxAttempts { // the connection may have changed it
		return
	}
	f.store.haltFor(group, err)
	if f.failures == 1 && f.store.halted() == nil && f.store.background.ctx.Err() == nil {
		f.store.options.Logger.Warn("cannot read the shared log; will try again", "error", err)
	}
}

// longLag is a lag whose end is logged.
const longLag = 10 * time.Second

// followed logs that the store has caught up, if it lagged.
func (f *follower) followed() {
	end, lag := f.contact.lag()
	f.lags = f.lags || lag >= longLag
	if group := f.store.published.Load().group; f.lags && group >= end && f.store.halted() == nil {
		f.store.options.Logger.Info("caught up with the shared log", "group", group)
		f.lags = false
	}
}
