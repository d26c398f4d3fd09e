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
	group  uint64
	err    error
	logged uint64 // the group of the last reason that was logged, or 0
}

// halted returns the error of appends and fresh reads while the store has not joined the shared
// log, or does not adopt the next group, or nil.
func (s *Store) halted() error {
	if h := s.shared.halt.Load(); h != nil && s.published.Load().group < h.group {
		return h.err
	}
	if !s.shared.hasJoined() {
		return &dcb.Error{Kind: dcb.ErrTransport, Detail: "the shared log has not answered since this server was started; try again later, or at another server"}
	}
	return nil
}

// errLostGroups is the error of a shared log without a group that was decided.
var errLostGroups = errors.New("the shared log has lost groups")

// compareEnd returns an error if the end of the shared log shows that it has lost a group that
// was decided before it was asked.
func compareEnd(end sharedlog.Point, decided eventlog.GroupID) error {
	switch {
	case end.Index < decided.Index:
		return fmt.Errorf("%w: it ends with group %d, and group %d was decided", errLostGroups, end.Index, decided.Index)
	case end.Index == decided.Index && end.Chain != decided.Chain:
		return fmt.Errorf("%w: its last group, %d, is another one", errLostGroups, end.Index)
	}
	return nil
}

// isForeignHistory reports whether an error is that of a group that does not continue the log.
func isForeignHistory(err error) bool {
	_, corrupt := errors.AsType[*vfs.CorruptionError](err)
	return corrupt || errors.Is(err, eventlog.ErrNotNext) || errors.Is(err, sharedlog.ErrCorrupt) || errors.Is(err, errLostGroups)
}

// haltFor makes appends and fresh reads fail until the store has a group, if err shows that it
// cannot read or adopt that group. If the engine fails, each request finds that out itself.
func (s *Store) haltFor(group uint64, err error) {
	if adopting, ok := errors.AsType[*adoptError](err); ok {
		group = adopting.group
	}
	if reason := s.haltReason(group, err); reason != nil && s.failureError() == nil {
		s.haltBecause(group, reason)
	}
}

// haltBecause makes appends and fresh reads fail with an error until the store has a group.
func (s *Store) haltBecause(group uint64, reason error) {
	if before := s.shared.halt.Swap(&halt{group, reason, group}); before == nil || before.logged != group {
		s.options.Logger.Error("the store cannot follow the shared log; reads return what it has", "error", reason)
	}
	s.shared.applied()
}

// haltReason returns the error of requests while a group cannot be read or adopted because of
// err. It returns nil if that is no reason to halt, or if the store has another one.
func (s *Store) haltReason(group uint64, err error) error {
	_, adopting := errors.AsType[*adoptError](err)
	_, fromPeers := errors.AsType[*peersError](err)
	switch {
	case isForeignHistory(err):
		return diverged("group %d of the shared log does not continue the directory of this server (%v); it accepts no appends and no fresh reads; run umadb cluster verify", group, err)
	case errors.Is(err, sharedlog.ErrVersion):
		return &dcb.Error{Kind: dcb.ErrIO, Detail: "another server writes newer records to the shared log; upgrade this server", Cause: err}
	case errors.Is(err, sharedlog.ErrTrimmed) && s.shared.Peers != nil:
		if s.halted() != nil {
			return nil
		}
		return &dcb.Error{Kind: dcb.ErrIO, Detail: fmt.Sprintf("the shared log no longer has group %d; this server reads it from another one", group), Cause: err}
	case fromPeers:
		return &dcb.Error{Kind: dcb.ErrIO, Detail: fmt.Sprintf("the shared log does not have group %d, and no other server sends it; this server continues when one does", group), Cause: err}
	case errors.Is(err, sharedlog.ErrTrimmed):
		return &dcb.Error{Kind: dcb.ErrIO, Detail: fmt.Sprintf("the shared log no longer has group %d; copy the directory of another server that was stopped", group), Cause: err}
	case adopting && (vfs.IsFull(err) || isDiskLimit(err) || vfs.IsTooManyFiles(err)):
		return copyFull(err)
	case adopting:
		return storeError(err, "adopting a group of the shared log")
	}
	return nil
}

// HaltReason is the kind of reason why a store cannot follow its shared log.
type HaltReason string

// The reasons of a halt.
const (
	HaltDivergence HaltReason = "divergence" // the histories of the store and of the shared log differ
	HaltVersion    HaltReason = "version"    // the shared log has records of a newer program
	HaltTrimmed    HaltReason = "trimmed"    // the shared log no longer has the next group, nor does another server send it
	HaltJoining    HaltReason = "joining"    // the store reads what the shared log does not have from another server
	HaltDisk       HaltReason = "disk"       // there is no space for the next group
	HaltOther      HaltReason = "other"
)

// HaltReasons are all reasons.
var HaltReasons = []HaltReason{HaltDivergence, HaltVersion, HaltTrimmed, HaltJoining, HaltDisk, HaltOther}

// kindOfHalt returns the reason of a halt, "" for nil.
func kindOfHalt(err error) HaltReason {
	_, fromPeers := errors.AsType[*peersError](err)
	switch {
	case err == nil:
		return ""
	case fromPeers:
		return HaltTrimmed
	case errors.Is(err, dcb.ErrCorruption):
		return HaltDivergence
	case errors.Is(err, sharedlog.ErrVersion):
		return HaltVersion
	case errors.Is(err, errJoining):
		return HaltJoining
	case errors.Is(err, sharedlog.ErrTrimmed):
		return HaltTrimmed
	case vfs.IsFull(err), isDiskLimit(err), vfs.IsTooManyFiles(err):
		return HaltDisk
	}
	return HaltOther
}

// errJoining is the cause of a halt that ends when another server has sent what is missing.
var errJoining = errors.New("the shared log does not have them; try again later, or at another server")

// joins makes appends and fresh reads fail until the store has a group of the shared log, up to
// which it reads from another server.
func (s *Store) joins(group uint64, server string) {
	h := &halt{group: group, err: &dcb.Error{Kind: dcb.ErrIO, Detail: fmt.Sprintf("this server has %d groups, and reads those up to %d from the server %s", s.published.Load().group, group, server), Cause: errJoining}}
	if before := s.shared.halt.Load(); before != nil {
		h.logged = before.logged // the next server may fail for the same reason
	}
	s.shared.halt.Store(h)
	s.shared.applied()
}
