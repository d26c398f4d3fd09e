package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// attempts is how often a group that does not follow is read again before the store halts.
const attempts = 3

// followInterval bounds how long the follower relies on Wait.
const followInterval = time.Second

// runFollower adopts the groups of other stores.
func (s *Store) runFollower() {
	f := &follower{store: s, shared: s.shared}
	for s.background.ctx.Err() == nil {
		err := f.follow()
		if err == nil {
			f.failures = 0
			continue
		}
		f.failures++
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
}

// follow waits for groups and adopts them.
func (f *follower) follow() error {
	f.wait()
	ctx, cancel := context.WithTimeout(f.store.background.ctx, f.Timeout)
	defer cancel()
	records, err := f.Log.Read(ctx, f.store.published.Load().group+1)
	if err != nil {
		return err
	}
	groups := make([]foreign, len(records))
	for i, r := range records {
		if groups[i], err = groupOf(r); err != nil {
			return err
		}
	}
	if err := f.store.pipeline.adopt(f.store.background.ctx, groups); err != nil {
		return err
	}
	if len(groups) > 0 {
		f.halt.Store(nil)
	}
	return nil
}

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
	case isForeignHistory(err) && f.failures < attempts: // the connection may have changed it
		return false
	}
	halted := f.store.haltFor(err)
	if !halted && f.failures == 1 && f.store.background.ctx.Err() == nil {
		f.store.options.Logger.Warn("cannot read the shared log; will try again", "error", err)
	}
	return isForeignHistory(err) || errors.Is(err, sharedlog.ErrVersion)
}

// isForeignHistory reports whether an error is that of a group that does not continue the log.
func isForeignHistory(err error) bool {
	_, corrupt := errors.AsType[*vfs.CorruptionError](err)
	return corrupt || errors.Is(err, eventlog.ErrNotNext) || errors.Is(err, sharedlog.ErrCorrupt)
}

// haltFor makes appends and fresh reads fail until a group is adopted, and reports whether err
// is a reason for that. It is not if the engine fails, which each request finds out.
func (s *Store) haltFor(err error) bool {
	group := s.published.Load().group + 1
	switch {
	case isForeignHistory(err):
		err = diverged("group %d of the shared log does not continue the directory of this server (%v); it accepts no appends and no fresh reads; run umadb cluster verify", group, err)
	case errors.Is(err, sharedlog.ErrVersion):
		err = &dcb.Error{Kind: dcb.ErrIO, Detail: "another server writes newer records to the shared log; upgrade this server", Cause: err}
	case errors.Is(err, sharedlog.ErrTrimmed):
		err = &dcb.Error{Kind: dcb.ErrIO, Detail: fmt.Sprintf("the shared log no longer has group %d; copy the directory of another server that was stopped", group), Cause: err}
	case vfs.IsFull(err) || isDiskLimit(err) || vfs.IsTooManyFiles(err):
		err = standbyFull(err)
	default:
		return false
	}
	if s.shared.halt.Swap(&err) == nil {
		s.options.Logger.Error("the store cannot follow the shared log; reads return what it has", "error", err)
	}
	s.shared.applied()
	return true
}
