package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

const (
	// barEvery is the interval at which a bar is drawn on a terminal, lineEvery the
	// interval at which a line is written elsewhere.
	barEvery  = 100 * time.Millisecond
	lineEvery = time.Minute
)

// progress shows the progress of a long operation: with a bar on a terminal, and with a line
// every minute elsewhere.
type progress struct {
	w     io.Writer
	doing string                   // as in "importing"
	bar   *progressbar.ProgressBar // nil if w is not a terminal
	every time.Duration
	next  time.Time
}

// newProgress returns the progress of an operation that is measured in a unit such as events.
func newProgress(w io.Writer, doing, unit string) *progress {
	p := &progress{w: w, doing: doing, every: lineEvery}
	if isTerminal(w) {
		p.every = barEvery
		p.bar = progressbar.NewOptions64(-1,
			progressbar.OptionSetWriter(w),
			progressbar.OptionSetDescription(doing),
			progressbar.OptionSetItsString(unit),
			progressbar.OptionShowIts(),
			progressbar.OptionShowCount(),
			progressbar.OptionSetElapsedTime(false),
			progressbar.OptionClearOnFinish(),
			// Otherwise a goroutine draws the bar, even after clear.
			progressbar.OptionSetSpinnerChangeInterval(0),
		)
	}
	p.next = time.Now().Add(p.every)
	return p
}

// show shows that done of all units are done. all is 0 if it is unknown.
func (p *progress) show(done, all uint64) {
	now := time.Now()
	if now.Before(p.next) {
		return
	}
	p.next = now.Add(p.every)
	switch {
	case p.bar != nil:
		if all > 0 {
			p.bar.ChangeMax64(int64(max(done, all)))
		}
		p.bar.Set64(int64(done))
	case all > 0:
		fmt.Fprintf(p.w, "umadb: %s, %d of %d (%d %%)\n", p.doing, done, all, 100*done/all)
	default:
		fmt.Fprintf(p.w, "umadb: %s, %d so far\n", p.doing, done)
	}
}

// clear removes the bar.
func (p *progress) clear() {
	if p.bar != nil {
		p.bar.Clear()
	}
}
