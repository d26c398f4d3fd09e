package transfer

import (
	"fmt"
	"time"

	"github.com/umadb-go/umadb/internal/ndjson"
)

// maxAhead is how far the recorded times of a source may be ahead of the clock of this machine.
// The times of later appends to the copy are not before them.
const maxAhead = 24 * time.Hour

// recordedTimes checks the recorded times of a source, which are those of a store only if all of
// its events have one and they never decrease.
type recordedTimes struct {
	latest  time.Time // the last time that is not too far ahead
	last    time.Time // of the last record that has one; zero if there is none
	known   placed    // that record
	unknown placed    // the last event without a time; zero if there is none
}

// placed is where a record is in the source.
type placed struct {
	line     int
	position uint64
}

func placeOf(r *ndjson.Record) placed { return placed{r.Line, r.Position} }

func (p placed) String() string {
	r := ndjson.Record{Line: p.line}
	r.Position = p.position
	return place(&r)
}

// timesFix is what to do with a source whose times are wrong.
const timesFix = "correct recorded_at in an export of the source, or remove it from all lines and crc32c from the last one; without it, events get the time of the import"

// add checks the time of the next record. Tracking-only records have none.
func (t *recordedTimes) add(r *ndjson.Record) error {
	at := r.RecordedAt
	switch {
	case r.Position == 0:
		return nil
	case at.IsZero() && !t.last.IsZero():
		return timesError("%v has no recorded time, but %v has one", placeOf(r), t.known)
	case at.IsZero():
		t.unknown = placeOf(r)
		return nil
	case t.unknown != placed{}:
		return timesError("%v has a recorded time, but %v has none", placeOf(r), t.unknown)
	case at.Before(t.last):
		return timesError("%v was recorded at %s, but %v at %s", placeOf(r), timeText(at), t.known, timeText(t.last))
	case at.After(t.latest):
		return fmt.Errorf("%v was recorded at %s, more than a day ahead of the clock of this machine: set the clock, or %s", placeOf(r), timeText(at), timesFix)
	}
	t.last, t.known = at, placeOf(r)
	return nil
}

func timesError(format string, args ...any) error {
	return fmt.Errorf(format+": in a store, all events have one, and they never decrease; "+timesFix, args...)
}

func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
