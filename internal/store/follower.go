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

// isForeignHistory reports whether an error is that of a group that does not continue the log.
func isForeignHistory(err error) bool {
	_, corrupt := errors.AsType[*vfs.CorruptionError](err)
	_, lost := errors.AsType[*lostError](err)
	return corrupt || lost || errors.Is(err, eventlog.ErrNotNext) || errors.Is(err, sharedlog.ErrCorrupt)
}

func isAdoptError(err error) bool {
	_, is := errors.AsType[*adoptError](err)
	return is
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
	case isAdoptError(err) && (vfs.IsFull(err) || isDiskLimit(err) || vfs.IsTooManyFiles(err)):
		err = standbyFull(err)
	default:
		return false
	}
	if before := s.shared.halt.Swap(&halt{group, err}); before == nil || before.group != group {
		s.options.Logger.Error("the store cannot follow the shared log; reads return what it has", "error", err)
	}
	s.shared.applied()
	return true
}
