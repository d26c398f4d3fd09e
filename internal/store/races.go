package store

import (
	"log/slog"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

const (
	// lostInARow is the number of lost proposals in a row that is logged.
	lostInARow = 100
	// raceLogInterval is the shortest time between two log lines of a kind about proposals:
	// servers that append at the same time take over from each other many times a second.
	raceLogInterval = time.Minute
	// maxClockDelay is how much earlier than the last commit the clock of this server may be.
	maxClockDelay = time.Minute
)

// races logs how the proposals of a store compete with those of others.
type races struct {
	logger *slog.Logger

	lost                         int           // proposals in a row
	lossesLogged, takeoverLogged time.Duration // of the clock; 0 if never
	unansweredLogged, slowLogged time.Duration // likewise
}

// timed notes the commit time of a proposal, which is not before that of the last commit.
func (r *races) timed(commit int64) {
	if slow := time.Until(time.Unix(0, commit)); slow > maxClockDelay && due(&r.slowLogged) {
		r.logger.Warn("the clock of this server is earlier than the last commit, so commits get the time of that one; set the clocks of all servers", "earlier", slow.Round(time.Second))
	}
}

// unanswered notes an append without an answer, or with one that decides nothing.
func (r *races) unanswered(err error) {
	if due(&r.unansweredLogged) {
		r.logger.Warn("cannot append to the shared log; will try again", "error", err)
	}
}

// won notes a proposal that was decided, after a group of the process before, which may be nil.
func (r *races) won(own sharedlog.ID, before *lastWriter) {
	r.lost = 0
	if before != nil && before.process == own || !due(&r.takeoverLogged) {
		return
	}
	from := ""
	if before != nil {
		from = before.address
	}
	r.logger.Info("took over as writer of the shared log", "from", from)
}

// lose notes a proposal that was lost.
func (r *races) lose() {
	if r.lost++; r.lost >= lostInARow && r.lost%lostInARow == 0 && due(&r.lossesLogged) {
		r.logger.Warn("proposals to the shared log were lost in a row: other servers are faster", "lost", r.lost)
	}
}

// due reports whether a log line is due, and notes that it is logged then.
func due(logged *time.Duration) bool {
	now := clock()
	if *logged != 0 && now-*logged < raceLogInterval {
		return false
	}
	*logged = now
	return true
}
