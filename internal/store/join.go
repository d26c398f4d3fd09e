package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/sharedlog"
)

// newID is the identity of a new directory.
func (sh *shared) newID() (eventlog.StoreID, error) { return eventlog.StoreID(sh.origin.Store), nil }

// start returns the group after which the shared log starts, which it cannot have.
func (sh *shared) start() eventlog.DurableGroup {
	return eventlog.DurableGroup{Store: eventlog.StoreID(sh.origin.Store), Index: sh.origin.Point.Index}
}

// prepareReplica recovers the log of a directory that was not a replica before as that of any
// store: nothing is known yet that could replace what a replica would cut. It does not create a
// log that the shared log cannot fill.
func (s *Store) prepareReplica(options eventlog.Options) error {
	if s.shared.mark.log == s.shared.origin.Log {
		return nil
	}
	names, err := s.files.log.List()
	if err != nil {
		return err
	}
	if len(names) == 0 {
		if after := s.shared.origin.Point.Index; after > 0 && s.shared.Peers == nil {
			return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("the shared log starts after group %d, and the directory %s is new; copy the directory of another server that was stopped", after, s.dir)}
		}
		return nil
	}
	options.NewID = s.shared.newID
	log, _, _, err := eventlog.Open(s.files.log, options)
	if err != nil {
		return err
	}
	return log.Close(nil, nil)
}

// join verifies that the shared log continues the log of the store, and marks the directory.
func (s *Store) join(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.shared.Timeout)
	defer cancel()
	if err := s.compareHistory(ctx); err != nil {
		return err
	}
	return s.markShared()
}

// compareHistory fails if the shared log does not continue the log of the store.
func (s *Store) compareHistory(ctx context.Context) error {
	sh, own := s.shared, s.log.OpenedTail().ID()
	last, err := sh.Log.Last(ctx)
	sh.contact.reaches(last.Index, err)
	if err != nil {
		return sharedLogError(err, "reading the end of the shared log")
	}
	origin := sh.origin
	switch {
	case [16]byte(s.log.ID()) != [16]byte(origin.Store):
		return diverged("the directory %s belongs to the store %x, and the shared log to the store %s", s.dir, s.log.ID(), origin.Store)
	case own.Index > last.Index:
		return diverged("the directory %s has group %d, and the shared log ends with group %d: the shared log has lost groups, or is another one", s.dir, own.Index, last.Index)
	case own.Index == last.Index && own.Chain != last.Chain:
		return diverged("the last group of the directory %s, %d, is another one than that of the shared log", s.dir, own.Index)
	case own.Index < origin.Point.Index && sh.Peers != nil:
		return nil // the follower reads those between from another server
	case own.Index < origin.Point.Index:
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("the shared log starts after group %d, and the directory %s has %d groups; copy the directory of another server that was stopped", origin.Point.Index, s.dir, own.Index)}
	case own.Index == origin.Point.Index && own.Chain != origin.Point.Chain:
		return diverged("the shared log starts after another group %d than that of the directory %s", own.Index, s.dir)
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
		err = diverged("group %d of the directory %s is another one than that of the shared log", own.Index, s.dir)
	}
	return storeError(err, "comparing the directory with the shared log")
}

// diverged returns an error for a store and a shared log with different histories.
func diverged(format string, args ...any) error {
	return &dcb.Error{Kind: dcb.ErrCorruption, Detail: fmt.Sprintf(format, args...)}
}
