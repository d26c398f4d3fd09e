package main

// #include "binding.h"
import "C"

import (
	"context"
	"errors"
	"time"
)

// moment is how long a thread may be kept that has to look after signals, or that
// runs an event loop.
const moment = 20 * time.Millisecond

// prompt is a stream whose messages mostly take microseconds, less than it takes to
// wake another thread: they are fetched on the thread that asks. The first that
// takes longer than a moment is fetched again by a pump, and so are those behind
// it: whoever waits for that can stop waiting.
type prompt struct {
	stream
	haste *haste
	slow  *pump // nil as long as the messages come in time
}

func (p *prompt) next(milliseconds int, tell notification, out *C.umadb_result) bool {
	if p.slow == nil {
		if p.attempt(milliseconds != C.UMADB_FOREVER, out) {
			return true
		}
		p.slow = pumped(p.stream)
	}
	return p.slow.next(milliseconds, tell, out)
}

// attempt fetches a message on this thread, and tells whether it came in time.
func (p *prompt) attempt(hurry bool, out *C.umadb_result) bool {
	if hurry {
		p.haste.end = time.Now().Add(moment)
	}
	r := p.fetch()
	p.haste.end = time.Time{}
	if errors.Is(r.err, context.DeadlineExceeded) {
		return false
	}
	if r.err != nil {
		p.messages.Close()
	}
	r.to(out)
	return true
}

func (p *prompt) free() {
	p.stop()
	if p.slow != nil {
		p.slow.free()
	}
}

// haste is a context that can have a deadline for a while. Only Err knows of it,
// which is what a read of a store looks at: a timer would take longer than most
// reads do.
type haste struct {
	context.Context
	end time.Time // zero without a deadline
}

// Err is context.DeadlineExceeded past the deadline.
func (h *haste) Err() error {
	if err := h.Context.Err(); err != nil || h.end.IsZero() || time.Now().Before(h.end) {
		return err
	}
	return context.DeadlineExceeded
}
