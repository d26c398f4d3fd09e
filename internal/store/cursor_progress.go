package store

import (
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

// progressInterval is how often a subscription reports its progress while nothing matches.
const progressInterval = 5 * time.Second

// reported is the progress that a subscription has reported last.
type reported struct {
	checked  uint64
	caughtUp bool
	at       time.Duration // of the clock
}

// isProgressDue reports whether a subscription that has checked all events must report that: it
// has not reported yet that it has caught up, or the last report is old.
func (c *cursor) isProgressDue() bool {
	t := c.reported
	return t != nil && (!t.caughtUp || c.low-1 > t.checked && clock()-t.at >= progressInterval)
}

// appendProgress appends the progress to a message, if it has events or a report is due.
func (c *cursor) appendProgress(dst []byte, events bool) []byte {
	if !events && !c.isProgressDue() {
		return dst
	}
	p := dcb.Progress{Checked: c.low - 1, Head: c.head}
	*c.reported = reported{p.Checked, p.CaughtUp(), clock()}
	return record.AppendProgress(dst, p)
}

// newProgressTimer returns a timer for the next report, or nil if the subscription does not report
// its progress.
func (c *cursor) newProgressTimer() *time.Timer {
	if c.reported == nil {
		return nil
	}
	return time.NewTimer(c.reported.at + progressInterval - clock())
}
