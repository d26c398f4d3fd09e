package store

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/index"
)

// Store is an open event store.
type Store struct {
	options Options
	dir     string // the path, as it was given
	files   directory
	log     *eventlog.Log
	hasher  index.Hasher
	cache   *index.Cache
	records uint64 // owner of the records in the cache
	states  states

	published atomic.Pointer[publication]
	failure   atomic.Pointer[error] // set once; no append succeeds after it
	failed    chan struct{}         // closed when failure is set
	failOnce  sync.Once

	gate    *gate
	closing chan struct{} // closed when Close begins
	closed  chan struct{} // closed when it has ended
	queue   *queue
	slots   slots
	watches *watches

	background background
}

// publication is what readers may see. It is replaced whole.
type publication struct {
	head  uint64 // the last durable position
	group uint64 // the index of the last durable group
}

// publish makes everything up to a group visible. It is the syncer's.
func (s *Store) publish(head, group uint64) {
	s.published.Store(&publication{head: head, group: group})
}

// newestMemory returns the memory block that is added to.
func (s *Store) newestMemory() *memory {
	memories := s.states.current.Load().memories
	return memories[len(memories)-1]
}

// fail ends appending for good: what the disk holds is not known any more.
func (s *Store) fail(err error) {
	s.failOnce.Do(func() {
		failure := storeError(err, "the log cannot be written any more; what is durable can be read, and a restart recovers")
		s.failure.Store(&failure)
		close(s.failed)
		s.options.Logger.Error("the store has failed and accepts no more appends until it is restarted", "error", err)
	})
}

// failureError gives the failure, or nil.
func (s *Store) failureError() error {
	if failure := s.failure.Load(); failure != nil {
		return *failure
	}
	return nil
}

// Failed is closed when a write or sync has failed, and no append will succeed
// before the store is opened again.
func (s *Store) Failed() <-chan struct{} { return s.failed }

// Limits gives the limits of requests.
func (s *Store) Limits() *dcb.Limits { return &s.options.Limits }

// Head returns the position of the last durable event, 0 if there is none.
func (s *Store) Head(ctx context.Context) (uint64, error) {
	if err := s.gate.enter(ctx); err != nil {
		return 0, err
	}
	defer s.gate.leave()
	return s.published.Load().head, nil
}

// Close ends subscriptions, finishes what is queued, and closes the files. A
// store that has not failed ends with a mark. If the directory of the store is not
// at its path any more, Close returns an error. It may be called more than once.
func (s *Store) Close() error {
	if !s.gate.close() {
		<-s.closed
		return nil
	}
	defer close(s.closed)
	close(s.closing)
	<-s.gate.empty
	s.background.stop()
	moved := s.failIfMoved()
	err := s.free(s.failure.Load() == nil)
	if moved != nil {
		return moved
	}
	return err
}

// free closes everything that Open opened.
func (s *Store) free(mark bool) error {
	err := s.log.Close(mark)
	s.states.current.Load().release()
	if unlock := s.files.close(); err == nil {
		err = unlock
	}
	return storeError(err, "closing the store")
}
