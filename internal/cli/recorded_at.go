package cli

import (
	"context"
	"time"

	"github.com/spf13/pflag"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/selection"
)

// recordedAt are the flags that select events by the time at which they were recorded.
type recordedAt struct{ since, until moment }

const momentForms = "how long ago, as in 2h or 3d, a time such as 2026-11-26T14:30:00Z, or a date in UTC"

// addSince adds the flag --since.
func (r *recordedAt) addSince(flags *pflag.FlagSet) {
	flags.Var(&r.since, "since", "only events recorded at this `time` or later: "+momentForms)
	perCall(flags, "since")
}

// addUntil adds the flag --until.
func (r *recordedAt) addUntil(flags *pflag.FlagSet) {
	flags.Var(&r.until, "until", "only events recorded at this `time` or earlier: as for --since")
	perCall(flags, "until")
}

// given reports whether one of the flags is given.
func (r *recordedAt) given() bool { return r.since.text != "" || r.until.text != "" }

// validate rejects flags that contradict each other.
func (r *recordedAt) validate() error {
	if r.since.text != "" && r.until.text != "" && r.until.Before(r.since.Time) {
		return usageErrorf("--until %s is before --since %s: no event can match", r.until.text, r.since.text)
	}
	return nil
}

// validateFollowed rejects a time before which events may still come: events are followed by position.
func (r *recordedAt) validateFollowed() error {
	if r.since.After(time.Now()) {
		return usageErrorf("--since %s is in the future: events cannot be followed from then on", r.since.text)
	}
	return nil
}

// positions returns the positions of the events that the flags select.
func (r *recordedAt) positions(ctx context.Context, s dcb.EventStore) (selection.Positions, error) {
	return selection.RecordedBetween(ctx, s, r.since.Time, r.until.Time)
}
