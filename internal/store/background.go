package store

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/vfs"
)

// background manages the goroutines of a store. A channel of capacity 1 wakes each
// helper, so wake-ups sent while it is busy are coalesced.
type background struct {
	ctx    context.Context // ends the goroutines other than those of the pipeline
	cancel context.CancelFunc

	helpers sync.WaitGroup

	// flushError is the error of the last attempt to write a head block; nil after a
	// success.
	flushError atomic.Pointer[error]

	preallocate chan struct{}
	flush       chan struct{}
	compact     chan struct{}
	announce    chan struct{}
	flushed     chan struct{} // wakes the writer after each attempt to write a head block
}

func (b *background) init() {
	b.ctx, b.cancel = context.WithCancel(context.Background())
	for _, c := range []*chan struct{}{&b.preallocate, &b.flush, &b.compact, &b.announce, &b.flushed} {
		*c = make(chan struct{}, 1)
	}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// start starts the goroutines.
func (s *Store) start() {
	b := &s.background
	if s.mode == writing {
		s.pipeline = newPipeline(storeEnvironment{s, s.appender}, s.newCommitter(), s.commits, b.flushed)
		if s.shared != nil {
			s.pipeline.leave = leftEarly
		}
		s.pipeline.start()
		b.helpers.Go(s.runPreallocator)
	}
	if s.shared != nil {
		b.helpers.Go(s.runFollower)
		b.helpers.Go(s.runSyncer)
		b.helpers.Go(s.runReporter)
		b.helpers.Go(s.runTrimmer)
	}
	b.helpers.Go(s.runFlusher)
	b.helpers.Go(s.runCompactor)
	b.helpers.Go(s.runWatcher)
	if s.options.ScrubPeriod > 0 {
		b.helpers.Go(s.runScrubber)
	}
	b.helpers.Go(s.runAnnouncer)
}

// stop ends the goroutines. The pipeline must have been stopped.
func (b *background) stop() {
	b.cancel()
	b.helpers.Wait()
}

// runPreallocator allocates space in the log ahead of need.
func (s *Store) runPreallocator() {
	b := &s.background
	failing := false
	for b.wait(b.preallocate) {
		err := s.log.Preallocate()
		if errors.Is(err, eventlog.ErrSegmentFailed) {
			s.fail(err)
			return
		}
		if err != nil && !failing && !isDiskLimit(err) {
			// Appender.Reserve will try again. If that fails too, the append is refused.
			s.options.Logger.Warn("cannot preallocate space for the log; appends will try again", "error", err)
		}
		failing = err != nil
	}
}

// watchInterval is how often the watcher checks the path of the store.
const watchInterval = time.Second

// runWatcher fails the store when its path no longer leads to its directory, or to the
// file that is appended to: the next Open would not find the events appended from then. It
// also logs when little disk space is left.
func (s *Store) runWatcher() {
	warnings := diskWarnings{store: s}
	warnings.update()
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-s.failed:
			return
		case <-s.background.ctx.Done():
			return
		}
		_ = s.failIfMoved() // fail logs the error
		warnings.update()
	}
}

// failIfMoved fails the store and returns the error if the path of the store, of its
// log, or of the last file of the log no longer leads to the open file or directory. It
// does nothing if a path cannot be checked or the store is read-only.
func (s *Store) failIfMoved() error {
	if s.mode.readsOnly() {
		return nil
	}
	err := s.checkMoved("move it back, then open the store again")
	if err != nil {
		s.fail(err)
	}
	return err
}

// checkMoved returns an error with a remedy if a path no longer leads to its open file or
// directory. It returns nil if that cannot be checked.
func (s *Store) checkMoved(remedy string) error {
	for _, check := range []struct {
		path func() error
		what string
	}{
		{s.files.root.CheckPath, "the directory of the store has been removed, renamed or unmounted"},
		{s.files.log.CheckPath, "the directory of the log has been removed, renamed or unmounted"},
		{s.log.CheckFile, "the last file of the log has been removed, renamed or replaced"},
	} {
		if cause := check.path(); errors.Is(cause, vfs.ErrMoved) {
			return &dcb.Error{Kind: dcb.ErrIO, Detail: check.what + "; " + remedy, Cause: cause}
		}
	}
	return nil
}

// wait waits for a wake-up and reports whether to continue.
func (b *background) wait(c chan struct{}) bool {
	select {
	case <-c:
		return b.ctx.Err() == nil
	case <-b.ctx.Done():
		return false
	}
}

// backoff sleeps, longer with each consecutive failure, from 0.2 s to 30 s. It reports
// whether to continue.
func (b *background) backoff(failures int) bool {
	pause := min(100*time.Millisecond<<min(failures, 10), 30*time.Second)
	select {
	case <-time.After(pause):
		return true
	case <-b.ctx.Done():
		return false
	}
}

// Pauses between two attempts of the proposer, the follower or others that use the shared log.
const (
	firstPause = 50 * time.Millisecond
	maxPause   = time.Second
)

// pauseAfter returns the pause after a number of earlier failures.
func pauseAfter(failures int) time.Duration {
	return min(firstPause<<min(failures, 10), maxPause)
}
