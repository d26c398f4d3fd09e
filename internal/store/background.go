package store

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/internal/eventlog"
)

// background is the goroutines of a store. Each has a channel that wakes it;
// a wake that finds it at work is remembered, once.
type background struct {
	ctx    context.Context // ends the preparer, the flusher, the joiner and the watcher
	cancel context.CancelFunc

	writerEnd chan struct{} // closed to end the writer, which ends the syncer
	writers   sync.WaitGroup
	helpers   sync.WaitGroup

	// flushError is why the last attempt to write a memory block failed; nil
	// after one that succeeded.
	flushError atomic.Pointer[error]

	prepare chan struct{}
	flush   chan struct{}
	join    chan struct{}
	flushed chan struct{} // a memory block has become a file, or could not
}

func (b *background) init() {
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.writerEnd = make(chan struct{})
	for _, c := range []*chan struct{}{&b.prepare, &b.flush, &b.join, &b.flushed} {
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
	w := newWriter(s)
	b.writers.Go(w.run)
	b.writers.Go(w.sync)
	b.helpers.Go(s.runPreparer)
	b.helpers.Go(s.runFlusher)
	b.helpers.Go(s.runJoiner)
	b.helpers.Go(s.runWatcher)
}

// stop ends them. The queue is empty, for nobody is inside the store.
func (b *background) stop() {
	close(b.writerEnd)
	b.writers.Wait()
	b.cancel()
	b.helpers.Wait()
}

func (s *Store) runPreparer() {
	b := &s.background
	failing := false
	for b.wait(b.prepare) {
		err := s.log.Preallocate()
		if errors.Is(err, eventlog.ErrSegmentFailed) {
			s.fail(err)
			return
		}
		if err != nil && !failing {
			// Reserve will try again, and refuse appends if it fails too.
			s.options.Logger.Warn("space for the log cannot be made ahead of need", "error", err)
		}
		failing = err != nil
	}
}

// wait waits for a wake, and tells whether to go on.
func (b *background) wait(c chan struct{}) bool {
	select {
	case <-c:
		return b.ctx.Err() == nil
	case <-b.ctx.Done():
		return false
	}
}

// backoff sleeps longer with each failure in a row, from 0.2 s to 30 s, and
// tells whether to go on.
func (b *background) backoff(failures int) bool {
	pause := min(100*time.Millisecond<<min(failures, 10), 30*time.Second)
	select {
	case <-time.After(pause):
		return true
	case <-b.ctx.Done():
		return false
	}
}
