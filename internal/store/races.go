package store

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
)

// lastWriter is the process that has written the last group of the shared log that is known.
type lastWriter struct {
	process sharedlog.ID
	address string // where other servers reach it; may be empty
}

// WriterState describes the process that has written the last group of the shared log that is
// known. Nothing is known until this process has seen a group.
type WriterState struct {
	Known   bool
	Self    bool   // it is this process
	Address string // may be empty
}

// lastWriters keeps the last writer.
type lastWriters struct {
	last atomic.Pointer[lastWriter]
	at   atomic.Int64 // when the last group was adopted or decided, of clock
}

// wrote notes who has written the newest group, and returns who has written the one before, or
// nil if that is not known.
func (w *lastWriters) wrote(process sharedlog.ID, address string) (before *lastWriter) {
	before = w.last.Load()
	w.at.Store(int64(clock()))
	if before == nil || before.process != process {
		w.last.Store(&lastWriter{process, address})
	}
	return before
}

// state describes the last writer to the process own.
func (w *lastWriters) state(own sharedlog.ID) WriterState {
	last := w.last.Load()
	if last == nil {
		return WriterState{}
	}
	return WriterState{Known: true, Self: last.process == own, Address: last.address}
}

const (
	// lostInARow is the number of lost proposals in a row that is logged.
	lostInARow = 100
	// raceLogInterval is the shortest time between two log lines of a kind about proposals:
	// servers that append at the same time take over from each other many times a second.
	raceLogInterval = time.Minute
)

// races logs how the proposals of a store compete with those of others.
type races struct {
	logger *slog.Logger

	lost                         int           // proposals in a row
	lossesLogged, takeoverLogged time.Duration // of the clock; 0 if never
	unansweredLogged             time.Duration // likewise
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
