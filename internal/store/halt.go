package store

import (
	"errors"
	"fmt"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// halt is the reason why a store does not adopt a group. Until it has that group, appends and
// fresh reads fail with it.
type halt struct {
	group uint64
	err   error
}

// halted returns the error of appends and fresh reads while the store does not adopt the next
// group, or nil.
func (s *Store) halted() error {
	if h := s.shared.halt.Load(); h != nil && s.published.Load().group < h.group {
		return h.err
	}
	return nil
}

// lostError reports that the shared log ends before a group that was decided.
type lostError struct{ end, group uint64 }

func (e *lostError) Error() string {
	return fmt.Sprintf("it ends with group %d, and group %d was decided", e.end, e.group)
}

// lostGroups halts the store because the shared log ends before the groups of the store.
func (s *Store) lostGroups(end sharedlog.Point) error {
	s.haltFor(&lostError{end: end.Index, group: s.published.Load().group})
	return s.halted()
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

func isPeersError(err error) bool {
	_, is := errors.AsType[*peersError](err)
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
	case errors.Is(err, sharedlog.ErrTrimmed) && s.shared.Peers != nil:
		if s.halted() != nil {
			return true
		}
		err = &dcb.Error{Kind: dcb.ErrIO, Detail: fmt.Sprintf("the shared log no longer has group %d; this server reads it from another one", group), Cause: err}
	case isPeersError(err):
		err = &dcb.Error{Kind: dcb.ErrIO, Detail: fmt.Sprintf("the shared log does not have group %d, and no other server sends it; this server continues when one does", group), Cause: err}
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

// joins makes appends and fresh reads fail until the store has a group of the shared log, up to
// which it reads from another server.
func (s *Store) joins(group uint64, server string) {
	err := &dcb.Error{Kind: dcb.ErrIO, Detail: fmt.Sprintf("this server has %d groups, and reads those up to %d from the server %s, because the shared log does not have them; try again later, or at another server", s.published.Load().group, group, server)}
	s.shared.halt.Store(&halt{group, err})
	s.shared.applied()
}
