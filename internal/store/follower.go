package store

import (
	"context"
	"errors"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

// attempts is how often a group that does not follow is read again before the store halts.
const attempts = 3

// emptyPause is the pause after a read that has found nothing.
const emptyPause = 10 * time.Millisecond

// followInterval bounds how long the follower relies on Wait.
const followInterval = time.Second

// runFollower adopts the groups of other stores.
func (s *Store) runFollower() {
	f := &follower{store: s, shared: s.shared}
	for s.background.ctx.Err() == nil {
		err := f.follow()
		if err == nil {
			f.failures, f.invalid = 0, 0
			continue
		}
		f.failures++
		if f.invalid++; !isForeignHistory(err) {
			f.invalid = 0
		}
		if f.ends(err) || !sleep(s.background.ctx, min(firstPause<<min(f.failures-1, 10), maxPause)) {
			return
		}
	}
}

// follower reads the groups of the shared log.
type follower struct {
	*shared
	store    *Store
	failures int // in a row
	invalid  int // of these, the last ones that were because of a record
}

// follow waits for groups and adopts them.
func (f *follower) follow() error {
	f.wait()
	ctx, cancel := context.WithTimeout(f.store.background.ctx, f.Timeout)
	defer cancel()
	records, err := f.Log.Read(ctx, f.store.published.Load().group+1)
	if errors.Is(err, sharedlog.ErrTrimmed) && f.Peers != nil {
		return f.readFromPeers()
	}
	if err != nil {
		return err
	}
	if len(records) == 0 { // Wait has returned too early, or this server was faster
		sleep(ctx, emptyPause)
		return nil
	}
	groups, decodeErr := groupsOf(records)
	if err := f.store.pipeline.adopt(f.store.background.ctx, groups); err != nil {
		return &adoptError{err}
	}
	return decodeErr
}

// adoptError is the error of adopting a group, as opposed to reading it.
type adoptError struct{ error }

// Unwrap returns the error of the log of the store.
func (e *adoptError) Unwrap() error { return e.error }

// wait waits until the shared log probably has another group.
func (f *follower) wait() {
	ctx, cancel := context.WithTimeout(f.store.background.ctx, followInterval)
	defer cancel()
	if err := f.Log.Wait(ctx, f.store.published.Load().group); err != nil {
		sleep(ctx, firstPause)
	}
}

// ends notes that the store cannot follow, if that is so, and reports whether it never can.
func (f *follower) ends(err error) bool {
	switch {
	case f.store.failureError() != nil:
		return true
	case isForeignHistory(err) && f.invalid < attempts: // the connection may have changed it
		return false
	}
	halted := f.store.haltFor(err)
	if !halted && f.failures == 1 && f.store.background.ctx.Err() == nil {
		f.store.options.Logger.Warn("cannot read the shared log; will try again", "error", err)
	}
	return isForeignHistory(err) || errors.Is(err, sharedlog.ErrVersion)
}
