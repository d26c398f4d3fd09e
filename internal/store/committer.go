package store

import "github.com/umadb-go/umadb/internal/eventlog"

// committer makes groups durable. The pipeline passes it one group at a time, in the order
// of their positions.
type committer interface {
	// commit returns the outcome, and an error if the outcome is failed.
	commit(sealedGroup) (outcome, error)
}

// outcome is what became of a group.
type outcome int

const (
	// decided: the group is in the log, durably.
	decided outcome = iota
	// lost: another group has its place in the log. Nothing of the group was written.
	lost
	// failed: it is unknown what the log contains. The store cannot continue.
	failed
)

// settled is a group that the committer has returned to the writer.
type settled struct {
	group   sealedGroup
	outcome outcome
}

// localCommitter writes groups to the log of the store itself. It never loses one.
type localCommitter struct{ writer *eventlog.Writer }

func (c localCommitter) commit(g sealedGroup) (outcome, error) {
	if err := c.writer.Write(g.sealed); err != nil {
		return failed, err
	}
	if err := c.writer.Sync(); err != nil {
		return failed, err
	}
	return decided, nil
}
