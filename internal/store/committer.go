package store

import "github.com/umadb-go/umadb/internal/eventlog"

// committer makes groups durable. The pipeline passes it one group at a time, in the order
// of their positions.
type committer interface {
	// commit returns the outcome, and an error if the outcome is failed.
	commit(sealedGroup) (outcome, error)
}

// outcome is the result of committing a group.
type outcome int

const (
	// decided means that the group is durable in the log.
	decided outcome = iota
	// lost means that the log has another group in its place, and that nothing of the
	// group was written.
	lost
	// failed means that the content of the log is unknown. The store cannot continue.
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
	g.times.written = clock()
	if err := c.writer.Sync(); err != nil {
		return failed, err
	}
	return decided, nil
}
