package cli

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/umadb-go/umadb/dcb"
)

// appendBatchBytes bounds a request of many, which a large event fills. Two are held
// at a time, one being read and one being written, and two events beside them.
const appendBatchBytes = 4 << 20

// batchPause is how long a batch waits for further events after its first, if the input
// is a pipe that pauses.
const batchPause = 200 * time.Millisecond

// batch is what goes into one request of many.
type batch struct {
	events []dcb.Event
	last   int   // line of the last event
	err    error // of a line after the batch before
}

// batches returns batches of at most size events, or of fewer if they are large or if no
// more come within batchPause. If a line is wrong, the last batch has its error and no
// events. Reading cannot be interrupted: after ctx is done, it ends with the next line.
func (r *eventReader) batches(ctx context.Context, size int) <-chan batch {
	gathered := make(chan batch)
	go func() {
		defer close(gathered)
		g := gatherer{lines: r.lines(ctx), size: size}
		for {
			next := g.next()
			if len(next.events) == 0 && next.err == nil {
				return
			}
			select {
			case gathered <- next:
			case <-ctx.Done():
				return
			}
			if next.err != nil {
				return
			}
		}
	}()
	return gathered
}

// readLine is an event that was read, or the error of reading it.
type readLine struct {
	eventLine
	err error
}

// lines returns the lines of the input up to its end or the first error, or until ctx is
// done.
func (r *eventReader) lines(ctx context.Context) <-chan readLine {
	read := make(chan readLine)
	go func() {
		defer close(read)
		for {
			event, err := r.next()
			if errors.Is(err, io.EOF) {
				return
			}
			select {
			case read <- readLine{event, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return read
}

// gatherer makes batches of lines.
type gatherer struct {
	lines <-chan readLine
	size  int        // the most events of a batch
	ahead *eventLine // already read, but too large for the batch before
}

// next returns the next batch, which is empty after the last.
func (g *gatherer) next() (b batch) {
	var pause <-chan time.Time // from the first event on
	total := 0
	add := func(e eventLine) {
		b.events = append(b.events, e.event)
		b.last = e.line
		total += e.size
		if pause == nil {
			pause = time.After(batchPause)
		}
	}
	if g.ahead != nil {
		add(*g.ahead)
		g.ahead = nil
	}
	for len(b.events) < g.size {
		select {
		case line, more := <-g.lines:
			switch {
			case !more:
				return b
			case line.err != nil:
				return batch{err: line.err}
			case total+line.size > appendBatchBytes && len(b.events) > 0:
				g.ahead = &line.eventLine
				return b
			}
			add(line.eventLine)
		case <-pause:
			return b
		}
	}
	return b
}
