package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/retry"
	"github.com/umadb-go/umadb/internal/sharedlog"
)

// freshEnd asks the shared log for its end, at most once at a time, for all reads that wait.
// A read must not use an answer to a question that was asked before the read began: an append
// may have been acknowledged in between.
type freshEnd struct {
	look    func() (sharedlog.Point, error)
	failure atomic.Pointer[error] // why the last question has failed

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

// askForEnd returns the end of the shared log. If the question fails, it asks again, since a
// failover of the engine takes a while, until no read waits for the answer any longer.
func (s *Store) askForEnd() (sharedlog.Point, error) {
	for started := clock(); ; {
		end, err := s.shared.last()
		s.shared.end.failure.Store(&err)
		if err == nil || clock()-started > s.shared.MaxStaleness || retry.Wait(s.background.ctx, firstPause) != nil {
			return end, err
		}
	}
}

// silentWait is how long a fresh read waits for a shared log that has been silent for so long that
// appends are refused. A log that answers does so in that time, also after a pause of the process.
const silentWait = time.Second

// fresh waits until the store has every group that was in the shared log when it was called.
func (s *Store) fresh(ctx context.Context) error {
	if err := s.gate.enter(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	sh := s.shared
	wait := sh.MaxStaleness
	if sh.silent() != nil {
		wait = min(wait, silentWait)
	}
	expired := time.NewTimer(wait)
	defer expired.Stop()
	before := s.published.Load()
	q := sh.end.ask(s.background.helpers.Go)
	select {
	case <-q.answered:
	case <-expired.C:
		return sh.noAnswer()
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closing:
		return dcb.ErrClosed
	}
	if q.err != nil {
		return sh.noAnswer()
	}
	if wait < sh.MaxStaleness {
		expired.Reset(sh.MaxStaleness - wait)
	}
	// In this order: a store that joins in between has an answer to wait for.
	if err := s.halted(); !sh.hasJoined() {
		return err
	}
	if err := s.checkEnd(q.end, before); err != nil {
		return err
	}
	err := s.awaitGroup(ctx, q.end.Index, expired.C, func() string {
		return fmt.Sprintf("the shared log ends with group %d, and this server has %d after %v; try again later, or at another server", q.end.Index, s.published.Load().group, sh.MaxStaleness)
	})
	if now := s.published.Load(); err == nil && now.group == q.end.Index {
		return s.checkEnd(q.end, now)
	}
	return err
}

// noAnswer returns the error of a fresh read that gets no answer.
func (sh *shared) noAnswer() error {
	err := sh.silent()
	if err == nil {
		err = &dcb.Error{Kind: dcb.ErrTransport, Detail: fmt.Sprintf("the shared log has not answered for %v; try again later, or at another server", sh.MaxStaleness)}
	}
	if failure := sh.end.failure.Load(); failure != nil && *failure != nil {
		// Only the text: a request to the engine that has ended at its deadline is not the end of the read
		// at one, after which no client would try another server.
		err.Cause = errors.New((*failure).Error())
	}
	return err
}

// checkEnd halts the store, and returns the error of its requests, if the end of the shared log
// shows that it has lost groups that the store had when it asked.
func (s *Store) checkEnd(end sharedlog.Point, had *publishedHead) error {
	if err := compareEnd(end, had.end.Tail.ID()); err != nil {
		s.haltFor(had.group+1, err)
		return cmp.Or(s.halted(), s.failureError())
	}
	return nil
}

// awaitGroup waits until the store has a group. When expired, it returns dcb.ErrTransport with a
// text.
func (s *Store) awaitGroup(ctx context.Context, group uint64, expired <-chan time.Time, late func() string) error {
	for {
		advanced := s.shared.next()
		if s.published.Load().group >= group {
			return nil
		}
		if err := s.halted(); err != nil {
			return err
		}
		select {
		case <-advanced:
		case <-s.failed:
			return s.failureError()
		case <-expired:
			return &dcb.Error{Kind: dcb.ErrTransport, Detail: late()}
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
