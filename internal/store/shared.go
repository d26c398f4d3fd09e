package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/dcb"
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
	// Peers reads from other servers the groups that the shared log does not have. If it is nil,
	// the store must have them, or halts.
	Peers Peers
	// LocalReads makes reads return what this store has, without asking the shared log.
	LocalReads bool
	// MaxStaleness bounds the time that a fresh read waits for the shared log. The default
	// is 10 s.
	MaxStaleness time.Duration
	// Timeout bounds each request to the shared log, with 1 s more for each MiB. The default is
	// 5 s.
	Timeout time.Duration
	// LogCopies is how many stores must have a group on their disks before it is removed from a
	// shared log that keeps few. The default is 2.
	LogCopies int

	trim trimRule // the default is defaultTrim
}

// shared is the part of a store that only one in shared mode has.
type shared struct {
	Shared
	origin  sharedlog.Origin // zero until it is known; after opening, only the follower uses it
	mark    sharedMark       // zero if the directory is not marked; final when joined is closed
	logID   sharedlog.ID     // identity of the shared log; set before the store is used
	process sharedlog.ID     // the identity of this process as a writer
	end     freshEnd

	contact  contact
	writers  lastWriters
	measures *sharedMeasures

	// joined is closed when the shared log is known to continue the log of the store. The two
	// may be different until then, so the store neither proposes nor adopts groups.
	joined chan struct{}
	// proposing is the group that the proposer has, or an earlier one.
	proposing atomic.Uint64
	// halt is why the store could not adopt a group, or nil.
	halt atomic.Pointer[halt]

	// requests is the context of requests to the log. It ends when the store has been closing
	// for Timeout.
	requests    context.Context
	endRequests context.CancelFunc

	mu       sync.Mutex
	advanced chan struct{} // closed at the next publication, if a read waits for it

	syncNow chan struct{} // wakes the syncer
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
	// reportRetry is the pause after a report that has failed.
	reportRetry = time.Second
)

// OpenShared opens a store in shared mode. It creates the directory if it does not exist; the
// store then reads all groups from the shared log. It fails if the directory has groups that
// the shared log does not have, and then does not close Log.
//
// If the shared log does not answer, a store that has groups of it opens nevertheless. Its local
// reads and its subscriptions return these groups. Appends and fresh reads fail with
// dcb.ErrTransport until the shared log has been compared with the store.
func OpenShared(ctx context.Context, dir string, options *Options, config Shared) (*Store, error) {
	s := newStore(writing, dir, options)
	if err := s.share(config); err != nil {
		return nil, err
	}
	if err := s.openReplica(ctx); err != nil {
		s.shared.endRequests()
		return nil, err
	}
	return s, nil
}

func (s *Store) openReplica(ctx context.Context) error {
	err := s.shared.readOrigin(ctx)
	switch {
	case err == nil:
		return s.openWritable(ctx)
	case !errors.Is(err, dcb.ErrTransport):
		return err
	}
	s.options.MustExist = true
	opening := s.openWritable(ctx)
	if errors.Is(opening, dcb.ErrInvalidArgument) { // for example, there is no store
		return err
	}
	return opening
}

// share puts the store in shared mode.
func (s *Store) share(config Shared) error {
	if config.MaxStaleness == 0 {
		config.MaxStaleness = defaultMaxStaleness
	}
	if config.Timeout == 0 {
		config.Timeout = 5 * time.Second
	}
	if config.LogCopies == 0 {
		config.LogCopies = 2
	}
	if config.trim.interval == 0 {
		config.trim = defaultTrim
	}
	if len(config.Address) > sharedlog.MaxAddress {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: fmt.Sprintf("the address of this server has %d bytes, over %d", len(config.Address), sharedlog.MaxAddress)}
	}
	sh := &shared{Shared: config, joined: make(chan struct{}), measures: newSharedMeasures(), syncNow: make(chan struct{}, 1)}
	sh.contact.applied = func() uint64 { return s.published.Load().group }
	sh.contact.answered = clock()
	if _, err := rand.Read(sh.process[:]); err != nil {
		return err
	}
	sh.end.look = s.askForEnd
	sh.requests, sh.endRequests = context.WithCancel(context.Background())
	s.shared = sh
	return nil
}

// SharedLog returns the identity of the shared log, or an empty string.
func (s *Store) SharedLog() string {
	if s.shared == nil {
		return ""
	}
	return s.shared.logID.String()
}

// request returns the context of a request to the shared log.
func (sh *shared) request() (context.Context, context.CancelFunc) { return sh.requestOf(0) }

// requestOf returns the context of a request with a number of bytes.
func (sh *shared) requestOf(bytes int) (context.Context, context.CancelFunc) {
	return context.WithTimeout(sh.requests, sh.timeoutOf(bytes))
}

// timeoutOf returns the timeout of a request with a number of bytes.
func (sh *shared) timeoutOf(bytes int) time.Duration {
	return sh.Timeout + time.Duration(bytes)*time.Second>>20
}

// answerBytes returns how many bytes an answer of Read may have, so that it is not interrupted
// time after time. A first attempt notices a broken connection soon.
func (sh *shared) answerBytes(failures int) int {
	return min(failures, 1) * sharedlog.ReadBytes
}

// last returns the end of the shared log.
func (sh *shared) last() (sharedlog.Point, error) {
	ctx, cancel := sh.request()
	defer cancel()
	end, err := sh.Log.Last(ctx)
	sh.contact.reaches(end.Index, err)
	return end, err
}

// sharedLogError returns an error of the shared log as one of package dcb.
func sharedLogError(err error, doing string) error {
	if errors.Is(err, sharedlog.ErrNoLog) {
		return &dcb.Error{Kind: dcb.ErrInvalidArgument, Detail: doing + "; check its address, or create it with umadb cluster create", Cause: err}
	}
	return &dcb.Error{Kind: dcb.ErrTransport, Detail: doing, Cause: err}
}

// limits returns the limits of groups, which are known when the shared log is open.
func (sh *shared) limits() groupLimits {
	largest := sh.Log.MaxRecord() - sharedlog.Overhead
	return groupLimits{full: min(sharedGroupBytes, largest/2), largest: largest}
}

// groupLimits bound the bytes of a group.
type groupLimits struct {
	full    int // from which the group takes no further request
	largest int // that a group can have
}
