package store

import "github.com/umadb-go/umadb/internal/eventlog"

// committer makes groups durable. The pipeline passes it one group at a time, in the order
// of their positions.
type committer interface {
	commit(sealedGroup) settled
}

// outcome is the result of committing a group.
type outcome int

const (
	// decided means that the group is durable in the log.
	decided outcome = iota
	// lost means that the log has another group in its place, and that nothing of the
	// group was written.
	lost
	// unknown means that a shared log may have the group, and that nothing of it was written
	// here. Its callers must not precheck again, for they could find their own events.
	unknown
	// failed means that the content of the log is unknown. The store cannot continue.
	failed
)

// settled is a group that the committer has returned to the writer.
type settled struct {
	group   sealedGroup
	outcome outcome
	// err is set if the outcome is unknown or failed. If it is set and the outcome is decided,
	// the shared log has the group, but it could not be written here: the store has failed, and
	// the appends have not.
	err error
	// winners are the group that the log has in place of a lost one, and those after it, as far
	// as they were read. It may be empty.
	winners []foreign
}

// newCommitter returns the committer of the store.
func (s *Store) newCommitter() committer {
	if s.shared != nil {
		return &proposer{shared: s.shared, writer: s.logWriter, halt: s.haltFor, races: races{logger: s.options.Logger}}
	}
	return localCommitter{s.logWriter}
}

// localCommitter writes groups to the log of the store itself. It never loses one.
type localCommitter struct{ writer *eventlog.Writer }

func (c localCommitter) commit(g sealedGroup) settled {
	if err := c.writer.Write(g.sealed); err != nil {
		return settled{group: g, outcome: failed, err: err}
	}
	g.times.written = clock()
	if err := c.writer.Sync(); err != nil {
		return settled{group: g, outcome: failed, err: err}
	}
	return settled{group: g, outcome: decided}
}
