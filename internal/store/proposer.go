package store

import (
	"errors"
	"fmt"

	"github.com/umadb-go/umadb/internal/eventlog"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/retry"
	"github.com/umadb-go/umadb/internal/sharedlog"
)

// proposer is the committer of a store in shared mode. It has at most one group out.
type proposer struct {
	*shared
	writer *eventlog.Writer
	halt   func(group uint64, err error) // see Store.haltFor

	unanswered bool // an append of the group had no answer
	races      races
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
		wake(p.syncNow)
	}
	return s
}

// propose decides a group, and counts the outcome.
func (p *proposer) propose(g sealedGroup) settled {
	started := clock()
	p.unanswered = false
	p.races.timed(g.sealed.Time)
	p.proposing.Store(g.sealed.Index)
	s := p.decide(g)
	if s.outcome != decided {
		p.proposing.Store(0) // the follower may be needed
	}
	p.measures.proposed(s, p.unanswered, clock()-started)
	switch s.outcome {
	case decided:
		p.races.won(p.process, p.writers.wrote(p.process, p.Address))
	case lost:
		p.races.lose()
	}
	return s
}

// decide appends a group to the shared log until the log has a group at its index. Whatever
// an append returns, only the record that is there decides: an answer can be lost, and a
// request can arrive late or twice. So the same bytes are appended again, never others.
func (p *proposer) decide(g sealedGroup) settled {
	envelope := sharedlog.Envelope{Writer: p.process, Address: p.Address, StartsSegment: g.sealed.Rolls()}
	own, err := sharedlog.Encode(envelope, g.sealed.Bytes())
	if err != nil {
		return settled{group: g, outcome: failed, err: err}
	}
	undecodable := 0 // reads in a row
	for failures := 0; ; failures++ {
		err := p.append(g.sealed, own)
		switch {
		case err == nil:
			return settled{group: g, outcome: decided}
		case errors.Is(err, sharedlog.ErrTooLarge): // the limits of groups prevent it
			return settled{group: g, outcome: failed, err: err}
		}
		there, readErr := p.read(g.sealed.Index, failures)
		switch sharedlog.FateOf(own, there, readErr) {
		case sharedlog.Decided:
			return settled{group: g, outcome: decided}
		case sharedlog.Lost:
			return p.lose(g, there)
		case sharedlog.Forgotten:
			return p.unknown(g, "the shared log no longer has the record that decided it", readErr)
		}
		if undecodable++; !isUndecodable(readErr) {
			undecodable = 0
		}
		if undecodable == maxAttempts { // the first ones may be the fault of the connection
			return p.undecodable(g, readErr)
		}
		if readErr == nil && errors.Is(err, sharedlog.ErrConflict) {
			if lost := p.lostGroups(g.sealed.Previous()); lost != nil {
				return p.unknown(g, "the shared log has lost groups", lost)
			}
		}
		if retry.Wait(p.requests, pauseAfter(failures)) != nil {
			return settled{group: g, outcome: unknown, err: record.UnknownOutcome(fmt.Sprintf("the server was stopped while the shared log did not answer (%v)", err))}
		}
	}
}

// lose returns the outcome of a group in whose place the shared log has other records.
func (p *proposer) lose(g sealedGroup, there []sharedlog.Record) settled {
	winners, err := groupsOf(there)
	if len(winners) == 0 {
		return p.undecodable(g, err)
	}
	return settled{group: g, outcome: lost, winners: winners}
}

// undecodable is unknown for a record that cannot be decoded.
func (p *proposer) undecodable(g sealedGroup, err error) settled {
	return p.unknown(g, fmt.Sprintf("this server cannot decode the record that the shared log has (%v)", err), err)
}

// isUndecodable reports whether the log has a record and cannot return it: a newer program has
// written it, or it is corrupt.
func isUndecodable(err error) bool {
	return errors.Is(err, sharedlog.ErrVersion) || errors.Is(err, sharedlog.ErrCorrupt)
}

// unknown halts the store for a reason, and returns that the outcome of a group is unknown.
func (p *proposer) unknown(g sealedGroup, why string, reason error) settled {
	p.halt(g.sealed.Index, reason)
	return settled{group: g, outcome: unknown, err: record.UnknownOutcome(why)}
}

func (p *proposer) append(g *eventlog.Sealed, record []byte) error {
	ctx, cancel := p.requestOf(len(record))
	defer cancel()
	err := p.Log.Append(ctx, sharedlog.Point(g.Previous()), g.Chain, record)
	p.contact.answeredWith(err)
	if err != nil && !errors.Is(err, sharedlog.ErrConflict) {
		p.unanswered = true
		p.races.unanswered(err)
	}
	return err
}

// read returns the records from an index on, after a number of failures.
func (p *proposer) read(index uint64, failures int) ([]sharedlog.Record, error) {
	ctx, cancel := p.requestOf(p.answerBytes(failures))
	defer cancel()
	return p.Log.Read(ctx, index)
}

// lostGroups returns an error if the shared log ends before a group that was decided, or has
// another one in its place.
func (p *proposer) lostGroups(decided eventlog.GroupID) error {
	end, err := p.last()
	if err != nil {
		return nil
	}
	return compareEnd(end, decided)
}
