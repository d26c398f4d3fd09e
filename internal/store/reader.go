package store

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/eventlog"
)

const (
	// pollInterval is how often a waiting subscription looks for new events.
	pollInterval = 50 * time.Millisecond
	// announceWait is how long a call waits until the last group that it has found is
	// durable. A writer that runs announces it earlier, unless its sync takes longer: then
	// the group was not acknowledged when the call started.
	announceWait = 500 * time.Millisecond
	// announcePoll is how often it looks meanwhile.
	announcePoll = time.Millisecond
)

// reader follows a store in a directory that another process may have open for writing. It
// takes no lock and changes nothing. Calls look for new groups when they start, and waiting
// subscriptions do so periodically; it has no goroutine.
//
// The index consists of the blocks in the directory and, for the groups after them, of head
// blocks of its own. When the writer has written or compacted blocks, they replace the head
// blocks and the older blocks.
type reader struct {
	store    *Store
	follower *eventlog.Follower
	system   systemID

	looks atomic.Uint64 // that were started
	stale atomic.Bool   // a block is corrupt: open the index again
	turn  chan struct{} // full while a call looks for all that wait for an unconfirmed group

	lock chan struct{} // full while a call has the lock, which guards all below, and the follower
	readerLog
	readerIndex
	succeeded uint64    // the last look that succeeded
	looked    time.Time // when the last look started
	awaited   *awaited  // nil if no call has to wait
	abandoned eventlog.GroupID
	failed    error // set once; no call succeeds afterwards
}

// awaited is an unconfirmed group for which calls wait.
type awaited struct {
	group eventlog.GroupID
	over  chan struct{} // closed when the group is durable, or no call waits for it longer
	err   error         // set before over is closed
}

// openReader opens a store for reading.
func (s *Store) openReader() error {
	r := &reader{
		store:    s,
		follower: s.log.Follower(),
		system:   newSystemID(s.options.FS.System()),
		turn:     make(chan struct{}, 1),
		lock:     make(chan struct{}, 1),
	}
	r.lock <- struct{}{}
	defer r.release()
	r.publish()
	s.states.change(func(st *state) { st.heads = []*headBlock{newHeadBlock(s.hasher, s.log.Start().Tail, 0)} })
	s.reader = r
	return r.explainMissing(r.reload(context.Background()))
}

// Follows reports whether another process may append to the store while it is open here.
func (s *Store) Follows() bool { return s.reader != nil }

func (r *reader) publish() { r.store.publish(r.follower.End()) }

// acquire takes the lock.
func (r *reader) acquire(ctx context.Context) error {
	select {
	case r.lock <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-r.store.closing:
		return dcb.ErrClosed
	}
}

func (r *reader) release() { <-r.lock }

// refresh makes everything visible that is durable. It does nothing if the store is not a
// reader.
func (s *Store) refresh(ctx context.Context) error {
	if s.shared != nil && !s.shared.LocalReads {
		return s.measuredFresh(ctx)
	}
	if s.reader == nil {
		return nil
	}
	if err := s.gate.enter(ctx); err != nil {
		return err
	}
	defer s.gate.leave()
	return storeError(s.reader.refresh(ctx), "looking for new events")
}

func (r *reader) refresh(ctx context.Context) error {
	a, err := r.look(ctx)
	if err != nil || a == nil {
		return err
	}
	return r.await(ctx, a)
}

// look makes everything visible that is known to be durable now. It returns the wait for
// the last group, if there is one. Calls that wait for the lock share a look: the first one
// that starts after they have come.
func (r *reader) look(ctx context.Context) (*awaited, error) {
	before := r.looks.Load()
	if err := r.acquire(ctx); err != nil {
		return nil, err
	}
	defer r.release()
	if r.succeeded > before {
		return r.awaited, nil
	}
	err := r.update(ctx)
	return r.awaited, err
}

// await waits until an unconfirmed group is durable, or for announceWait. One of the calls that
// wait looks for all of them.
func (r *reader) await(ctx context.Context, a *awaited) error {
	until := time.Now().Add(announceWait)
	select {
	case <-a.over:
		return a.err
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return ctx.Err()
	case <-r.store.closing:
		return dcb.ErrClosed
	}
	for {
		select {
		case <-a.over:
			return a.err
		case <-time.After(announcePoll):
		case <-ctx.Done():
			return ctx.Err()
		case <-r.store.closing:
			return dcb.ErrClosed
		}
		if _, err := r.look(ctx); err != nil {
			return err
		}
		if time.Now().After(until) {
			return r.giveUp(ctx, a)
		}
	}
}

// giveUp ends the wait for a group. No later call waits for it.
func (r *reader) giveUp(ctx context.Context, a *awaited) error {
	if err := r.acquire(ctx); err != nil {
		return err
	}
	defer r.release()
	if r.awaited == a && r.follower.Unconfirmed() == a.group {
		r.abandoned = a.group
		r.settle()
	}
	return a.err
}

// settle ends the wait for a group that is no longer the unconfirmed one, and starts one for
// another group.
func (r *reader) settle() {
	unconfirmed := r.follower.Unconfirmed()
	if unconfirmed == r.abandoned || r.failed != nil {
		unconfirmed = eventlog.GroupID{}
	}
	if r.awaited != nil && r.awaited.group != unconfirmed {
		r.awaited.err = r.failed
		close(r.awaited.over)
		r.awaited = nil
	}
	if r.awaited == nil && unconfirmed.Index != 0 {
		r.awaited = &awaited{group: unconfirmed, over: make(chan struct{})}
	}
}

// poll is look for a subscription: it returns at once if another call has looked lately.
func (r *reader) poll(ctx context.Context) error {
	if err := r.store.gate.enter(ctx); err != nil {
		return err
	}
	defer r.store.gate.leave()
	if err := r.acquire(ctx); err != nil {
		return err
	}
	defer r.release()
	if time.Since(r.looked) < pollInterval*9/10 {
		return nil
	}
	return storeError(r.update(ctx), "looking for new events")
}

// wait polls until a condition holds.
func (r *reader) wait(ctx context.Context, holds func() bool) error {
	timer := time.NewTicker(pollInterval)
	defer timer.Stop()
	for !holds() {
		if err := r.poll(ctx); err != nil {
			return err
		}
		if holds() {
			return nil
		}
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-r.store.closing:
			return dcb.ErrClosed
		}
	}
	return nil
}
