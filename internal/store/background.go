package store

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/internal/eventlog"
)

// background manages the goroutines of a store. A channel of capacity 1 wakes each
// helper, so wake-ups sent while it is busy are coalesced.
type background struct {
	ctx    context.Context // ends the preallocator, the flusher, the compactor and the watcher
	cancel context.CancelFunc

	helpers sync.WaitGroup

	// flushError is the error of the last attempt to write a head block; nil after a
	// success.
	flushError atomic.Pointer[error]

	preallocate chan struct{}
	flush       chan struct{}
	compact     chan struct{}
	flushed     chan struct{} // wakes the writer after each attempt to write a head block
}

func (b *background) init() {
	b.ctx, b.cancel = context.WithCancel(context.Background())
	for _, c := range []*chan struct{}{&b.preallocate, &b.flush, &b.compact, &b.flushed} {
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
	s.pipeline = newPipeline(storeEnvironment{s, s.appender}, localCommitter{s.logWriter}, b.flushed)
	s.pipeline.start()
	b.helpers.Go(s.runPreallocator)
	b.helpers.Go(s.runFlusher)
	b.helpers.Go(s.runCompactor)
	b.helpers.Go(s.runWatcher)
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
		if err != nil && !failing {
			// Appender.Reserve will try again. If that fails too, the append is refused.
			s.options.Logger.Warn("cannot preallocate space for the log; appends will try again", "error", err)
		}
		failing = err != nil
	}
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
