package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/sharedlog"
)

// A store in shared mode is a replica of a log that several stores share. The shared log
// decides the order of groups:
//
//   - The proposer is the committer of such a store. It appends a group to the shared log on
//     condition that this log ends with the group before, and writes it to the log of the
//     store only when it is decided. If another store was faster, the group is lost.
//   - The follower reads the groups of other stores and passes them to the writer, which
//     adopts them.
//   - A read is fresh: it first asks the shared log for its end, and waits until this store
//     has it. With Shared.LocalReads, it is not.
//   - Groups are synced from time to time. A group that a crash loses is read again from the
//     shared log. So there is no clean-close record, and an index block is written to a file
//     only when its groups are synced.
//
// So the log of each store is a prefix of the shared log, and each condition is true at the
// place where the shared log has its group.

// Shared configures a store whose log is shared.
type Shared struct {
	// Log is the shared log, which must have been created. Closing the store closes it.
	Log sharedlog.Log
	// Address is where other servers reach this one. It may be empty.
	Address string
	// Program is the version of the program, for people.
	Program string
	// LocalReads makes reads return what this store has, without asking the shared log.
	LocalReads bool
	// MaxStaleness bounds the time that a fresh read waits for the shared log. The default
	// is 10 s.
	MaxStaleness time.Duration
	// Timeout bounds each request to the shared log. The default is 5 s.
	Timeout time.Duration
}

// shared is the part of a store that only one in shared mode has.
type shared struct {
	Shared
	origin sharedlog.Origin
	mark   sharedMark
	writer sharedlog.ID // of this process
	limits groupLimits
	end    freshEnd

	// halt is why the store could not adopt a group, or nil.
	halt atomic.Pointer[halt]

	// requests is the context of requests to the log. It ends when the store has been closing
	// for Timeout.
	requests    context.Context
	endRequests context.CancelFunc

	mu       sync.Mutex
	advanced chan struct{} // closed at the next publication, if a read waits for it

	sync    chan struct{} // wakes the syncer
	written atomic.Int64  // bytes since the last sync
}

const (
	// sharedGroupBytes is maxGroupBytes in shared mode: a group crosses the network, and an
	// engine keeps it in memory.
	sharedGroupBytes = 1 << 20
	// syncBytes and syncInterval bound what is written and not synced in shared mode.
	syncBytes    = 64 << 20
	syncInterval = time.Second
	// reportInterval is how often the store reports to the shared log what it has.
	reportInterval = 3 * time.Second
)

// OpenShared opens a store in shared mode. It creates the directory if it does not exist; the
// store then reads all groups from the shared log. It fails if the directory has groups that
// the shared log does not have, and then does not close Log.
func OpenShared(ctx context.Context, dir string, options *Options, config Shared) (*Store, error) {
	s := newStore(writing, dir, options)
	if err := s.share(ctx, config); err != nil {
		return nil, err
	}
	if err := s.openWritable(ctx); err != nil {
		s.shared.endRequests()
		return nil, err
	}
	return s, nil
}

// share reads the origin of the shared log.
func (s *Store) share(ctx context.Context, config Shared) error {
	if config.MaxStaleness == 0 {
		config.MaxStaleness = 10 * time.Second
	}
	if config.Timeout == 0 {
		config.Timeout = 5 * time.Second
	}
	if len(config.Address) > sharedlog.MaxAddress {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("the address of this server has %d bytes, over %d", len(config.Address), sharedlog.MaxAddress)}
	}
	ctx, cancel := context.WithTimeout(ctx, config.Timeout)
	defer cancel()
	origin, err := config.Log.Origin(ctx)
	if err != nil {
		return sharedLogError(err, "reading the origin of the shared log")
	}
	largest := config.Log.MaxRecord() - sharedlog.Overhead
	sh := &shared{Shared: config, origin: origin, sync: make(chan struct{}, 1)}
	sh.limits = groupLimits{full: min(sharedGroupBytes, largest/2), largest: largest}
	if _, err := rand.Read(sh.writer[:]); err != nil {
		return err
	}
	sh.end.look = sh.last
	sh.requests, sh.endRequests = context.WithCancel(context.Background())
	s.shared = sh
	return nil
}

// request returns the context of a request to the shared log.
func (sh *shared) request() (context.Context, context.CancelFunc) {
	return context.WithTimeout(sh.requests, sh.Timeout)
}

// last returns the end of the shared log.
func (sh *shared) last() (sharedlog.Point, error) {
	ctx, cancel := sh.request()
	defer cancel()
	return sh.Log.Last(ctx)
}

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
		if after := s.shared.origin.Point.Index; after > 0 {
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

// sharedLogError returns an error of the shared log as one of package dcb.
func sharedLogError(err error, doing string) error {
	if errors.Is(err, sharedlog.ErrNoLog) {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: doing + "; check its address, or create it with umadb cluster create", Cause: err}
	}
	return &dcb.Error{Kind: dcb.ErrTransport, Detail: doing, Cause: err}
}

// groupLimits bound the bytes of a group.
type groupLimits struct {
	full    int // from which the group takes no further request
	largest int // that a group can have
}

// groupsOf returns the groups of records, up to the first that cannot be decoded.
func groupsOf(records []sharedlog.Record) (groups []foreign, err error) {
	for _, r := range records {
		e, group, err := sharedlog.Decode(r.Bytes)
		if err != nil {
			return groups, err
		}
		groups = append(groups, foreign{index: r.Index, bytes: group, startsSegment: e.StartsSegment})
	}
	return groups, nil
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

// runSyncer syncs what is written.
func (s *Store) runSyncer() {
	sh, b := s.shared, &s.background
	ticker := time.NewTicker(syncInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-sh.sync:
		case <-b.ctx.Done():
			return
		}
		sh.written.Store(0)
		if s.failureError() != nil {
			return
		}
		if err := s.logWriter.Sync(); err != nil {
			s.fail(err)
			return
		}
		wake(b.flush)
	}
}

// runReporter reports to the shared log what the store has. A report that fails is only late.
func (s *Store) runReporter() {
	sh, ctx := s.shared, s.background.ctx
	for more := true; more; more = sleep(ctx, reportInterval) {
		request, cancel := context.WithTimeout(ctx, sh.Timeout)
		err := sh.Log.Report(request, sharedlog.Replica{
			ID:      sh.mark.replica,
			Address: sh.Address,
			Program: sh.Program,
			Format:  sharedlog.Version,
			Applied: s.published.Load().group,
			Durable: s.logWriter.Durable().Index,
		})
		cancel()
		if err != nil && ctx.Err() == nil {
			s.options.Logger.Debug("cannot report to the shared log", "error", err)
		}
	}
}

// syncedGroup returns the index of the last group that a crash cannot lose.
func (s *Store) syncedGroup() uint64 {
	if s.shared == nil {
		return s.published.Load().group
	}
	// A group can be synced before its tracking is in its head block, when it is published.
	return min(s.logWriter.Durable().Index, s.published.Load().group)
}

// commitShared is Commit in shared mode. A shared log that does not answer can delay the outcome
// for any time, so the caller may leave before it. The pipeline then still uses the request.
func (s *Store) commitShared(ctx context.Context, request *record.AppendRequest, giveUp <-chan struct{}) (uint64, error) {
	op := s.newCommit(request)
	op.giveUp = giveUp
	own := op.request
	if request.Count == 0 && request.Tracking == nil { // only a check, which proposes nothing
		if err := s.refresh(ctx); err != nil {
			return 0, err
		}
	}
	position, err := s.commit(ctx, op)
	s.commits.failed(err)
	if request.Times != nil && !errors.Is(err, dcb.ErrTransport) { // else the pipeline still has op
		*request.Times = *own.Times
	}
	return position, err
}

// ownRequest returns a copy of a request, which the pipeline may use when its caller has left.
func ownRequest(request *record.AppendRequest) *record.AppendRequest {
	own := *request
	own.Events = slices.Clone(request.Events)
	if request.Times != nil {
		times := *request.Times
		own.Times = &times
	}
	return &own
}

// leftEarly returns the error of an append whose caller does not wait for its outcome.
func leftEarly(reason error) error {
	return unknownOutcome(fmt.Sprintf("the shared log has not answered before the caller gave up (%v)", reason))
}

// unknownOutcome returns the error of an append that may be in the log or not.
func unknownOutcome(why string) error {
	return &dcb.Error{Kind: dcb.ErrTransport, Detail: why + "; the append may be in the log or not"}
}

// applied wakes the reads that wait for groups.
func (sh *shared) applied() {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.advanced != nil {
		close(sh.advanced)
		sh.advanced = nil
	}
}

// next returns a channel that is closed at the next publication.
func (sh *shared) next() <-chan struct{} {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.advanced == nil {
		sh.advanced = make(chan struct{})
	}
	return sh.advanced
}
