package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/sharedlog"
)

// freshEnd asks the shared log for its end, at most once at a time, for all reads that wait.
// A read must not use an answer to a question that was asked before the read began: an append
// may have been acknowledged in between.
type freshEnd struct {
	look func() (sharedlog.Point, error)

	mu      sync.Mutex
	next    *question // the one to ask next, or nil
	running bool
}

// question is a question for the end of the shared log.
type question struct {
	answered chan struct{} // closed when end and err are set
	end      sharedlog.Point
	err      error
}

// ask returns a question that is asked from now on. run runs a function in a goroutine.
func (f *freshEnd) ask(run func(func())) *question {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next == nil {
		f.next = &question{answered: make(chan struct{})}
	}
	if !f.running {
		f.running = true
		run(f.run)
	}
	return f.next
}

// run asks questions until there is none.
func (f *freshEnd) run() {
	for {
		f.mu.Lock()
		q := f.next
		f.next, f.running = nil, q != nil
		f.mu.Unlock()
		if q == nil {
			return
		}
		q.end, q.err = f.look()
		close(q.answered)
	}
}

// fresh waits until the store has every group that was in the shared log when it was called.
func (s *Store) fresh(ctx context.Context) error {
	if err := s.gate.enter(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	sh := s.shared
	expired := time.NewTimer(sh.MaxStaleness)
	defer expired.Stop()
	before := s.published.Load()
	q := sh.end.ask(s.background.helpers.Go)
	select {
	case <-q.answered:
	case <-expired.C:
		return &dcb.Error{Kind: dcb.ErrTransport, Detail: fmt.Sprintf("the shared log has not answered for %v; try again, or read what this server has (--reads=local)", sh.MaxStaleness)}
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closing:
		return dcb.ErrClosed
	}
	if q.err != nil {
		return sharedLogError(q.err, "asking the shared log for its end; try again, or read what this server has (--reads=local)")
	}
	if err := compareEnd(q.end, before.end.Tail.ID()); err != nil && sh.hasJoined() {
		s.haltFor(before.group+1, err)
		return s.halted()
	}
	for {
		advanced := sh.next()
		if sh.hasJoined() && s.published.Load().group >= q.end.Index {
			return nil
		}
		if err := s.halted(); err != nil {
			return err
		}
		select {
		case <-advanced:
		case <-s.failed:
			return s.failureError()
		case <-expired.C:
			return &dcb.Error{Kind: dcb.ErrTransport, Detail: fmt.Sprintf("the shared log ends with group %d, and this server has %d after %v; try again, or read what this server has (--reads=local)", q.end.Index, s.published.Load().group, sh.MaxStaleness)}
		case <-ctx.Done():
			return ctx.Err()
		case <-s.closing:
			return dcb.ErrClosed
		}
	}
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
