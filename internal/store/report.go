package store

import (
	"context"
	"errors"

	"github.com/umadb-go/umadb/internal/retry"
	"github.com/umadb-go/umadb/internal/sharedlog"
)

// runReporter reports to the shared log what the store has.
func (s *Store) runReporter() {
	sh, ctx := s.shared, s.background.ctx
	select {
	case <-sh.joined:
	case <-ctx.Done():
		return
	}
	for pause := reportInterval; ; _ = retry.Wait(ctx, pause) {
		if ctx.Err() != nil {
			return
		}
		request, cancel := context.WithTimeout(ctx, sh.Timeout)
		err := sh.Log.Report(request, sharedlog.Replica{
			ID:      sh.mark.replica,
			Address: sh.Address,
			Program: sh.Program,
			Format:  sharedlog.Version,
			Applied: s.published.Load().group,
			Durable: s.durableCopy(),
		})
		sh.contact.answeredWith(err)
		if err == nil { // else one more request would only take longer
			s.lookAtEnd(request)
		}
		cancel()
		pause = reportInterval
		if err != nil { // a store that is idle refuses appends until its report succeeds
			pause = reportRetry
		}
		if err != nil && ctx.Err() == nil {
			s.options.Logger.Debug("cannot report to the shared log", "error", err)
		}
	}
}

// durableCopy returns the last group of the shared log that is synced in the directory. The groups
// of a store with another history, or that has failed, as with its disk, do not count: the shared
// log is trimmed when enough stores have its groups.
func (s *Store) durableCopy() uint64 {
	if s.failureError() != nil || errors.Is(s.halted(), ErrOtherHistory) {
		return 0
	}
	return s.logWriter.Durable().Index
}

// lookAtEnd asks for the end of the shared log, so that a store which only follows knows how much
// it lacks, and one that is idle notices that the log has lost groups.
func (s *Store) lookAtEnd(ctx context.Context) {
	before, halted := s.published.Load(), s.shared.halt.Load()
	end, err := s.shared.Log.Last(ctx)
	s.shared.contact.reaches(end.Index, err)
	if err != nil {
		return
	}
	own := before.end.Tail.ID()
	if lost := compareEnd(end, own); lost != nil {
		s.haltFor(before.group+1, lost)
	} else if end == sharedlog.Point(own) {
		s.hasAll(before.group, halted)
	}
}

// hasAll ends a halt because of another history that the store had before it asked, if the log now
// ends with the last group of the store, as after umadb cluster repair.
func (s *Store) hasAll(group uint64, before *halt) {
	if before == nil || before.group != group+1 || !errors.Is(before.err, ErrOtherHistory) {
		return
	}
	if s.shared.halt.CompareAndSwap(before, nil) {
		s.options.Logger.Info("the shared log has the groups of this server again", "group", group)
		s.shared.applied()
	}
}
