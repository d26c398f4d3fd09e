package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/sharedlog"
)

// Pauses between two attempts of the proposer or the follower.
const (
	firstPause = 50 * time.Millisecond
	maxPause   = 2 * time.Second
)

// proposer is the committer of a store in shared mode. It has at most one group out.
type proposer struct {
	*shared
	writer *eventlog.Writer
	halts  func(error) bool // see Store.haltFor
}

// commit proposes a group, unless another store has decided it, and writes it when it is
// decided. It is synced later: the shared log has it.
func (p *proposer) commit(g sealedGroup) settled {
	s := settled{group: g, outcome: decided}
	if !g.adopted {
		if s = p.propose(g); s.outcome != decided {
			return s
		}
	}
	if err := p.writer.Write(g.sealed); err != nil {
		s.err = err
		return s
	}
	g.times.written = clock()
	if p.written.Add(int64(len(g.bytes))) > syncBytes {
		wake(p.sync)
	}
	return s
}

// propose appends a group to the shared log until the log has a group at its index. Whatever
// an append returns, only the record that is there decides: an answer can be lost, and a
// request can arrive late or twice. So the same bytes are appended again, never others.
func (p *proposer) propose(g sealedGroup) settled {
	s := settled{group: g}
	envelope := sharedlog.Envelope{Writer: p.shared.writer, Address: p.Address, StartsSegment: g.sealed.Rolls()}
	own, err := sharedlog.Encode(envelope, g.sealed.Bytes())
	if err != nil {
		s.outcome, s.err = failed, err
		return s
	}
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		err := p.append(g.sealed, own)
		if err == nil {
			return s
		}
		if errors.Is(err, sharedlog.ErrTooLarge) { // the limits of groups prevent it
			s.outcome, s.err = failed, err
			return s
		}
		there, readErr := p.read(g.sealed.Index)
		if readErr == nil && len(there) == 0 && errors.Is(err, sharedlog.ErrConflict) && p.ended(g.sealed.Previous().Index) {
			s.outcome, s.err = lost, unknownOutcome("the shared log has lost groups")
			return s
		}
		switch {
		case errors.Is(readErr, sharedlog.ErrTrimmed): // this group or another was there
			s.outcome, s.err = lost, unknownOutcome("the shared log no longer has the record that decided it")
			p.halts(readErr)
			return s
		case readErr == nil && len(there) > 0 && bytes.Equal(there[0].Bytes, own):
			return s
		case readErr == nil && len(there) > 0:
			s.outcome = lost
			if s.winners, err = groupsOf(there); len(s.winners) == 0 {
				s.err = unknownOutcome(fmt.Sprintf("the shared log has a record that this server cannot decode (%v)", err))
				p.halts(err)
			}
			return s
		}
		if !sleep(p.requests, pause) {
			s.outcome, s.err = failed, unknownOutcome(fmt.Sprintf("the server was stopped while the shared log did not answer (%v)", err))
			return s
		}
	}
}

func (p *proposer) append(g *eventlog.Sealed, record []byte) error {
	ctx, cancel := p.request()
	defer cancel()
	return p.Log.Append(ctx, sharedlog.Point(g.Previous()), g.Chain, record)
}

// read returns the records from an index on.
func (p *proposer) read(index uint64) ([]sharedlog.Record, error) {
	ctx, cancel := p.request()
	defer cancel()
	return p.Log.Read(ctx, index)
}

// ended reports whether the shared log ends before a group that was decided, and halts the store
// then.
func (p *proposer) ended(group uint64) bool {
	end, err := p.last()
	if err != nil || end.Index >= group {
		return false
	}
	return p.halts(&lostError{end: end.Index, group: group})
}

// sleep reports whether it has slept before ctx was done.
func sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
