package cli

import (
	"fmt"
	"io"
	"os"
	"time"
)

// progress says on a terminal how far long work is, and nothing elsewhere.
type progress struct {
	w     io.Writer // nil if nobody is there to look
	doing string
	next  time.Time
	shown bool
}

// progressEvery is how often the line is written.
const progressEvery = 500 * time.Millisecond

func newProgress(w io.Writer, doing string) *progress {
	p := &progress{doing: doing, next: time.Now().Add(progressEvery)}
	if file, ok := w.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			p.w = w
		}
	}
	return p
}

// show writes the line anew.
func (p *progress) show(done, all uint64) {
	if p.w == nil || time.Now().Before(p.next) {
		return
	}
	p.next = time.Now().Add(progressEvery)
	p.shown = true
	fmt.Fprintf(p.w, "\r%s %d%%", p.doing, 100*done/max(1, all))
}

// clear takes the line away.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
