package store

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/internal/histogram"
)

// SharedMetrics describes a store in shared mode and what it knows of its shared log. Groups are
// counted from 1.
type SharedMetrics struct {
	Log     string // identity of the shared log, 32 hexadecimal digits
	Address string // of this server; may be empty

	Applied uint64 // the last group that the store has
	Durable uint64 // the last group that a crash cannot lose here
	End     uint64 // the last group that the shared log is known to have
	// Lag is for how long the store has been without a group that the shared log was known to
	// have; 0 if it has all.
	Lag time.Duration
	// Silence is the time since the shared log last answered a request on which its engine must
	// agree: an append, a report, or the question for its end.
	Silence time.Duration

	Proposals ProposalMetrics
	// Withdrawn is the number of groups that were withdrawn, because the shared log had others
	// in their place.
	Withdrawn uint64
	// AdoptedFromLog and AdoptedFromServers are the bytes of the groups that the store has taken
	// from the shared log, and from other servers, where the shared log no longer had them.
	AdoptedFromLog, AdoptedFromServers uint64
	// Trimmed is the last group that this store has removed from the shared log; 0 if none.
	Trimmed uint64
	// Fresh is the seconds from the start of a fresh read until the store had everything for it.
	Fresh histogram.Snapshot

	Halt       error      // why appends and fresh reads fail until the store can follow; nil if they do not
	HaltReason HaltReason // its kind

	Writer WriterState // who has written the last group that is known
}

// ProposalMetrics describes the groups that the store has proposed to the shared log.
type ProposalMetrics struct {
	Decided      uint64 // groups that the shared log has
	Lost         uint64 // groups in whose place it has another one
	UnknownOurs  uint64 // of an append without an answer, which was found in the shared log
	UnknownOther uint64 // of an append without an answer, in whose place another one was found
	Unresolved   uint64 // groups of which is not known whether the shared log has them

	Seconds histogram.Snapshot // from the first append of a group until its outcome was known
}

// sharedMeasures counts what a store in shared mode does.
type sharedMeasures struct {
	decided, lost, unknownOurs, unknownOther, unresolved, withdrawn atomic.Uint64
	adoptedFromLog, adoptedFromServers, trimmed                     atomic.Uint64

	proposal, fresh *histogram.Histogram
}

func newSharedMeasures() *sharedMeasures {
	return &sharedMeasures{proposal: histogram.New(histogram.Seconds), fresh: histogram.New(histogram.Seconds)}
}

// proposed counts a group whose proposal has ended. unanswered reports whether an append of it had no
// answer.
func (m *sharedMeasures) proposed(s settled, unanswered bool, took time.Duration) {
	m.proposal.ObserveDuration(took)
	switch {
	case s.err != nil:
		m.unresolved.Add(1)
	case s.outcome == decided && unanswered:
		m.unknownOurs.Add(1)
	case s.outcome == decided:
		m.decided.Add(1)
	case unanswered:
		m.unknownOther.Add(1)
	default:
		m.lost.Add(1)
	}
}

// adopted counts the bytes of a group of the shared log, or of another server.
func (m *sharedMeasures) adopted(f foreign) {
	from := &m.adoptedFromLog
	if f.fromServer() {
		from = &m.adoptedFromServers
	}
	from.Add(uint64(len(f.bytes)))
}

// measuredFresh is fresh, measured.
func (s *Store) measuredFresh(ctx context.Context) error {
	started := clock()
	err := s.fresh(ctx)
	if err == nil {
		s.shared.measures.fresh.ObserveDuration(clock() - started)
	}
	return err
}

// SharedState returns the metrics of shared mode, or nil in other modes.
func (s *Store) SharedState() *SharedMetrics {
	sh := s.shared
	if sh == nil {
		return nil
	}
	c := sh.measures
	m := &SharedMetrics{
		Log:     sh.logID.String(),
		Address: sh.Address,
		Silence: sh.contact.silence(),
		Proposals: ProposalMetrics{
			Decided: c.decided.Load(), Lost: c.lost.Load(),
			UnknownOurs: c.unknownOurs.Load(), UnknownOther: c.unknownOther.Load(), Unresolved: c.unresolved.Load(),
			Seconds: c.proposal.Snapshot(),
		},
		Withdrawn:          c.withdrawn.Load(),
		AdoptedFromLog:     c.adoptedFromLog.Load(),
		AdoptedFromServers: c.adoptedFromServers.Load(),
		Trimmed:            c.trimmed.Load(),

		Fresh:  c.fresh.Snapshot(),
		Halt:   s.halted(),
		Writer: sh.writers.state(sh.process),
	}
	m.HaltReason = kindOfHalt(m.Halt)
	m.End, m.Lag = sh.contact.lag()
	m.Applied = s.published.Load().group
	m.End = max(m.End, m.Applied)
	if s.gate.enter(context.Background()) == nil {
		defer s.gate.leave()
		m.Durable = s.syncedGroup()
	}
	return m
}
