package store

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
)

// Store is an open event store.
type Store struct {
	mode    mode
	options Options
	dir     string // the path passed to Open, cleaned
	files   directory
	log     *eventlog.Log
	// The pipeline uses these until it has stopped. They are nil unless the mode is writing.
	appender  *eventlog.Appender
	logWriter *eventlog.Writer
	receiver  *eventlog.Receiver // writes the log of a standby; otherwise nil
	hasher    index.Hasher
	cache     *index.Cache
	records   uint64 // owner of the records in the cache
	states    states
	disk      disk
	scrubs    scrubs

	published atomic.Pointer[publishedHead]
	failure   atomic.Pointer[error] // set once; no append succeeds afterwards
	failed    chan struct{}         // closed when failure is set
	failOnce  sync.Once

	gate    *gate
	closing chan struct{} // closed when Close starts
	closed  chan struct{} // closed when Close ends
	slots   slots
	watches *watches

	pipeline     *pipeline // nil unless the mode is writing
	standby      *standby  // nil unless the mode is following
	reader       *reader   // nil unless the mode is reading
	shared       *shared   // nil unless the log is shared; the mode is then writing
	background   background
	announcement announcer

	commits       *commitMetrics
	reads         [readStripes]readMetrics
	subscriptions subscriptions
	upkeep        upkeepMetrics
	compactions   compactions
}

var _ dcb.EventStore = (*Store)(nil)

// publishedHead is the last position and the last group that readers may see. It is
// immutable.
type publishedHead struct {
	head  uint64         // the last durable position
	group uint64         // the index of the last durable group
	end   eventlog.Point // after that group
}

// publish makes everything up to the end of a group visible. After opening, only the
// committer calls it, or, in a read-only store, the reader.
func (s *Store) publish(end eventlog.Point) {
	s.published.Store(&publishedHead{head: end.Tail.Next - 1, group: end.Tail.Index, end: end})
}

// newestHead returns the head block that the writer adds to.
func (s *Store) newestHead() *headBlock {
	heads := s.states.current.Load().heads
	return heads[len(heads)-1]
}

// fail moves the store to the failed state: the content of the disk is unknown, and no
// append will succeed.
func (s *Store) fail(err error) {
	s.failOnce.Do(func() {
		failure := storeError(err, "the log cannot be written; durable events can still be read; to recover, open the store again (restart the server)")
		s.failure.Store(&failure)
		close(s.failed)
		s.options.Logger.Error("the store has failed and accepts no more appends; to recover, open it again (restart the server)", "error", err)
	})
}

// failureError returns the error that failed the store, or nil.
func (s *Store) failureError() error {
	if failure := s.failure.Load(); failure != nil {
		return *failure
	}
	return nil
}

// Failed returns a channel that is closed when the store has failed, for example after
// a write or sync error. No append will succeed until the store is opened again.
func (s *Store) Failed() <-chan struct{} { return s.failed }

// Limits returns the limits of requests.
func (s *Store) Limits() *dcb.Limits { return &s.options.Limits }

// Head returns the position of the last durable event, 0 if there is none.
func (s *Store) Head(ctx context.Context) (uint64, error) {
	if err := s.gate.enter(ctx); err != nil {
		return 0, err
	}
	defer s.gate.leave()
	if err := s.refresh(ctx); err != nil {
		return 0, err
	}
	return s.published.Load().head, nil
}

// interrupted returns an error if a long operation must stop: dcb.ErrClosed when the
// store closes, or the error of ctx.
func (s *Store) interrupted(ctx context.Context) error {
	select {
	case <-s.closing:
		return dcb.ErrClosed
	default:
		return ctx.Err()
	}
}

// Close ends subscriptions, finishes queued appends, and closes the files. If the store
// has not failed, it writes a clean-close record, or, in shared mode, only syncs. Close
// returns an error if the directory of the store is no longer at its path. It may be called
// more than once.
func (s *Store) Close() error {
	if !s.gate.close() {
		<-s.closed
		return nil
	}
	defer close(s.closed)
	close(s.closing)
	if s.shared != nil {
		defer s.shared.endRequests()
		defer time.AfterFunc(s.shared.Timeout, s.shared.endRequests).Stop()
	}
	<-s.gate.empty
	if s.pipeline != nil {
		s.pipeline.stop() // no call is in progress, so the queue is empty
	}
	s.background.stop()
	moved := s.failIfMoved()
	err := s.free(s.failure.Load() == nil)
	if s.shared != nil {
		err = errors.Join(err, s.shared.Log.Close())
	}
	if moved != nil {
		return moved
	}
	return err
}

// free closes everything that Open opened. If clean is set, it writes a clean-close
// record.
func (s *Store) free(clean bool) error {
	if !clean {
		s.appender, s.logWriter = nil, nil
	}
	err := s.closeLog()
	s.states.current.Load().release()
	if s.announcement.file != nil {
		err = errors.Join(err, s.announcement.file.Close())
	}
	if unlock := s.files.close(); err == nil {
		err = unlock
	}
	return storeError(err, "closing the store")
}

// closeLog closes the files of the log, after the last writes.
func (s *Store) closeLog() error {
	if s.mode != following {
		return s.log.Close(s.appender, s.logWriter)
	}
	return errors.Join(s.receiver.Close(), s.closeMark())
}

// shut is added to the number of calls inside a gate that is shut.
const shut = 1 << 62

// gate counts the calls in progress, so that Close can wait for them.
type gate struct {
	inside   atomic.Int64  // number of calls, plus shut once the gate is shut
	empty    chan struct{} // closed when the gate is shut and no call is inside
	setEmpty func()        // closes empty once
}

func newGate() *gate {
	g := &gate{empty: make(chan struct{})}
	g.setEmpty = sync.OnceFunc(func() { close(g.empty) })
	return g
}

// enter counts a call. It fails with dcb.ErrClosed if the gate is shut, or with the
// error of ctx.
func (g *gate) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if g.inside.Add(1) > shut {
		g.leave()
		return dcb.ErrClosed
	}
	return nil
}

// count returns the number of calls inside.
func (g *gate) count() int64 { return g.inside.Load() &^ shut }

func (g *gate) leave() {
	if g.inside.Add(-1) == shut {
		g.setEmpty()
	}
}

// close shuts the gate and reports whether it was open.
func (g *gate) close() bool {
	for {
		inside := g.inside.Load()
		if inside >= shut {
			return false
		}
		if g.inside.CompareAndSwap(inside, inside+shut) {
			if inside == 0 {
				g.setEmpty()
			}
			return true
		}
	}
}
