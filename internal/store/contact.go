package store

import (
	"cmp"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/sharedlog"
)

// contact is what a store knows of its shared log: when it last answered, and where it ends.
// Times are of the clock. All fields but the first two are guarded by mu.
type contact struct {
	applied func() uint64 // the last group of the store
	opened  atomic.Uint64 // the last group of the log when the store joined it

	mu       sync.Mutex
	answered time.Duration // when the log last answered a request that its engine must agree on
	end      uint64        // the last group that the log is known to have
	endKnown time.Duration // when that became known
	// target is an end that was known earlier, since awaited. Without it, a store that follows a
	// log that always grows would seem to lag since the growth began.
	target  uint64
	awaited time.Duration
}

// answeredWith notes the result of an append, a report or a question for the end. A conflict
// is an answer too.
func (c *contact) answeredWith(err error) {
	if err != nil && !errors.Is(err, sharedlog.ErrConflict) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answered = clock()
}

// reaches notes the end of the log as an answer, or the error of the question.
func (c *contact) reaches(end uint64, err error) {
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := clock()
	c.answered = now
	if end <= c.end {
		return
	}
	if c.applied() >= c.target {
		c.target, c.awaited = end, now
	}
	c.end, c.endKnown = end, now
}

// silence returns for how long the log has not answered.
func (c *contact) silence() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return clock() - c.answered
}

// lag returns the last group that the log is known to have, and for how long the store has been
// without a group that it was known to have.
func (c *contact) lag() (end uint64, lag time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	applied := c.applied()
	switch {
	case applied >= c.end:
		return applied, 0
	case applied >= c.target:
		return c.end, clock() - c.endKnown
	}
	return c.end, clock() - c.awaited
}

// patience is how long the shared log may be silent, and the store without a group of it, before
// appends and fresh reads count as failing. Reports alone break the silence of a healthy log.
func (sh *shared) patience() time.Duration { return max(sh.MaxStaleness, 2*reportInterval) }

// Unavailable returns why appends and fresh reads fail for now while the store has not failed, or
// nil. It is for the health of the server: it changes only some time after their errors.
func (s *Store) Unavailable() error {
	if s.shared == nil {
		return nil
	}
	if err := cmp.Or(s.halted(), s.CatchingUp()); err != nil {
		return err
	}
	sh := s.shared
	if err := sh.silent(); err != nil {
		return err
	}
	if end, lag := sh.contact.lag(); lag > sh.patience() {
		return &dcb.Error{Kind: dcb.ErrTransport, Detail: fmt.Sprintf("the server has %d of %d groups of the shared log, and has not had them all for %v", sh.contact.applied(), end, lag.Round(time.Second))}
	}
	return nil
}

// silent returns an error if the shared log has not answered for so long that new appends are
// refused: they would only wait, and another server may be able to append them.
func (sh *shared) silent() *dcb.Error {
	silence := sh.contact.silence()
	if silence <= sh.patience() {
		return nil
	}
	return &dcb.Error{Kind: dcb.ErrTransport, Detail: fmt.Sprintf("the shared log has not answered this server for %v; try again later, or at another server", silence.Round(time.Second))}
}

// CatchingUp returns an error until the store has what its shared log had when the store was
// opened. A store that is new has nothing before.
func (s *Store) CatchingUp() error {
	if s.shared == nil {
		return nil
	}
	c := &s.shared.contact
	opened := c.opened.Load()
	if c.applied() >= opened {
		return nil
	}
	return &dcb.Error{Kind: dcb.ErrTransport, Detail: fmt.Sprintf("the server was started and has %d of %d groups of the shared log", c.applied(), opened)}
}
