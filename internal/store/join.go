package store

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/sharedlog"
)

// readOrigin reads the origin of the shared log, unless it is known.
func (sh *shared) readOrigin(ctx context.Context) error {
	if sh.hasOrigin() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, sh.Timeout)
	defer cancel()
	origin, err := sh.Log.Origin(ctx)
	if err != nil {
		return sharedLogError(err, "reading the origin of the shared log")
	}
	sh.origin = origin
	return nil
}

func (sh *shared) hasOrigin() bool { return sh.origin != (sharedlog.Origin{}) }

// newID is the identity of a new directory.
func (sh *shared) newID() (eventlog.StoreID, error) { return eventlog.StoreID(sh.origin.Store), nil }

// irreplaceable returns the last group that cannot be read again from the shared log, as far as
// that is known.
func (sh *shared) irreplaceable() eventlog.DurableGroup {
	if !sh.hasOrigin() || sharedlog.AsLimited(sh.Log) != nil { // which may have trimmed any of them
		return eventlog.DurableGroup{Index: math.MaxUint64}
	}
	return eventlog.DurableGroup{Index: sh.origin.Point.Index}
}

// prepareReplica makes a directory that was not a replica before ready to be one. If it is empty,
// it is marked before it has a log, which no other server may use. If it has groups, its log is
// recovered as that of any store: nothing is known yet that could replace what a replica would
// cut.
func (s *Store) prepareReplica(options eventlog.Options) error {
	sh := s.shared
	names, err := s.files.log.List()
	switch {
	case err != nil:
		return err
	case !sh.hasOrigin() && (len(names) == 0 || !sh.mark.valid()):
		return &dcb.Error{Kind: dcb.ErrTransport, Detail: fmt.Sprintf("the shared log does not answer, and the directory %s was not used with it before; start the server when it answers", s.dir)}
	case len(names) == 0:
		if after := sh.origin.Point.Index; after > 0 && sh.Peers == nil {
			return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("the shared log starts after group %d, and the directory %s is new; copy the directory of another server that was stopped", after, s.dir)}
		}
		return s.markShared()
	case sh.mark.valid():
		return nil
	}
	options.NewID = sh.newID
	log, _, _, err := eventlog.Open(s.files.log, options)
	if err != nil {
		return err
	}
	return log.Close(nil, nil)
}

// joinOrWait joins the shared log, or leaves that to the follower if the shared log does not
// answer and the directory has groups of it.
func (s *Store) joinOrWait(ctx context.Context) error {
	err := s.join(ctx)
	waits := errors.Is(err, dcb.ErrTransport) && !errors.Is(ctx.Err(), context.Canceled)
	if !waits || !s.shared.mark.valid() || s.log.OpenedTail().Index == 0 {
		return err
	}
	s.options.Logger.Warn("the shared log does not answer; until it does, this server accepts no appends and no fresh reads", "error", err)
	return nil
}

// join verifies that the shared log continues the log of the store, and marks the directory.
func (s *Store) join(ctx context.Context) error {
	err := s.shared.readOrigin(ctx)
	if err == nil {
		err = s.compareHistory(ctx)
	}
	if err == nil {
		s.renameCopy(ctx)
		err = s.markShared()
	}
	if err == nil {
		s.shared.halt.Store(nil) // an attempt before may have set it, and nothing else has
		close(s.shared.joined)
		s.shared.applied()
	}
	return err
}

// hasJoined reports whether the store has joined the shared log.
func (sh *shared) hasJoined() bool {
	select {
	case <-sh.joined:
		return true
	default:
		return false
	}
}

// renameCopy changes the identity of the directory if another server reports with the same one:
// the directory of one was copied to the other. Without an answer, it does nothing: two servers
// with one identity are taken as one.
func (s *Store) renameCopy(ctx context.Context) {
	sh := s.shared
	ctx, cancel := context.WithTimeout(ctx, sh.Timeout)
	defer cancel()
	reports, _ := sh.Log.Replicas(ctx)
	for _, r := range reports {
		if r.ID == sh.mark.replica && r.Address != sh.Address {
			sh.mark.replica = sharedlog.ID{} // markShared makes another
		}
	}
}

// compareHistory fails if the shared log does not continue the log of the store.
func (s *Store) compareHistory(ctx context.Context) error {
	sh, own := s.shared, s.log.OpenedTail().ID()
	if err := s.checkSharedLog(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sh.Timeout)
	defer cancel()
	last, err := sh.Log.Last(ctx)
	sh.contact.reaches(last.Index, err)
	if err != nil {
		return sharedLogError(err, "reading the end of the shared log")
	}
	sh.contact.opened.Store(last.Index)
	origin := sh.origin
	switch {
	case [16]byte(s.log.ID()) != [16]byte(origin.Store):
		return diverged("the directory %s belongs to the store %x, and the shared log to the store %s; use a new directory, into which the events of the log are read", s.dir, s.log.ID(), origin.Store)
	case own.Index > last.Index:
		return diverged("the directory %s has group %d, and the shared log ends with group %d: the shared log has lost groups, or the directory was a store of its own meanwhile; see umadb cluster repair", s.dir, own.Index, last.Index)
	case own.Index == last.Index && own.Chain != last.Chain:
		return diverged("the last group of the directory %s, %d, is another one than that of the shared log; run umadb cluster verify with --db-path", s.dir, own.Index)
	case own.Index < origin.Point.Index && sh.Peers != nil:
		return nil // the follower reads those between from another server
	case own.Index < origin.Point.Index:
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("the shared log starts after group %d, and the directory %s has %d groups; copy the directory of another server that was stopped", origin.Point.Index, s.dir, own.Index)}
	case own.Index == origin.Point.Index && own.Chain != origin.Point.Chain:
		return diverged("the shared log starts after another group %d than that of the directory %s; use a new directory", own.Index, s.dir)
	case own.Index == origin.Point.Index || own.Index == last.Index:
		return nil
	}
	records, err := sh.Log.Read(ctx, own.Index)
	if errors.Is(err, sharedlog.ErrTrimmed) || err == nil && len(records) == 0 {
		return nil // the next group continues the chain or is refused
	}
	if err != nil {
		return sharedLogError(err, "reading the shared log")
	}
	_, group, err := sharedlog.Decode(records[0].Bytes)
	if err == nil && !eventlog.HasID(group, own) {
		err = diverged("group %d of the directory %s is another one than that of the shared log; run umadb cluster verify with --db-path", own.Index, s.dir)
	}
	return storeError(err, "comparing the directory with the shared log")
}

// ErrOtherHistory matches the error of OpenShared for a directory with another history than the
// shared log. Its files may be sound.
var ErrOtherHistory = errors.New("the histories differ")

// otherHistory is an error that ErrOtherHistory matches.
type otherHistory struct{ error }

// Is reports whether target is ErrOtherHistory.
func (e otherHistory) Is(target error) bool { return target == ErrOtherHistory }

// Unwrap returns the error.
func (e otherHistory) Unwrap() error { return e.error }

// diverged returns an error for a store and a shared log with different histories.
func diverged(format string, args ...any) error {
	return otherHistory{&dcb.Error{Kind: dcb.ErrCorruption, Detail: fmt.Sprintf(format, args...)}}
}
