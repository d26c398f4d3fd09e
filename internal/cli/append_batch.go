package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
)

// batchAppender appends batches and records its progress.
type batchAppender struct {
	events   int    // number of events appended
	position uint64 // of the last event appended
	line     int    // of the last event appended
	inFlight bool   // a request was sent and its result is unknown
}

// runBatches appends the events from standard input in several requests.
func (o *appendOptions) runBatches(cmd *cobra.Command) error {
	in, err := newEventReader(cmd.InOrStdin())
	if err != nil {
		return err
	}
	var appender batchAppender
	err = o.target.use(cmd, true, func(ctx context.Context, s dcb.EventStore) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		return appender.appendAll(ctx, s, in.batches(ctx, o.batch))
	})
	if err != nil {
		return appender.explain(err)
	}
	return o.print(cmd.OutOrStdout(), appender.position, appender.events)
}

// appendAll appends the batches in order.
func (b *batchAppender) appendAll(ctx context.Context, s dcb.EventStore, read <-chan batch) error {
	for {
		select {
		case next, more := <-read:
			if !more {
				return ctx.Err() // cancelling ctx ends reading too
			}
			if next.err != nil {
				return next.err
			}
			b.inFlight = true
			position, err := s.Append(ctx, next.events, nil, nil)
			if err != nil {
				return err
			}
			b.inFlight = false
			b.events += len(next.events)
			b.position, b.line = position, next.last
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// explain adds to an error what has been appended, and how to continue.
func (b *batchAppender) explain(err error) error {
	interrupted := errors.Is(err, errInterrupted)
	unknown := b.inFlight && (interrupted || errors.Is(err, dcb.ErrTransport) || errors.Is(err, dcb.ErrIO))
	if b.inFlight && interrupted {
		err = fmt.Errorf("%w; it is unknown whether the batch after line %d was appended: check with umadb read", err, b.line)
	}
	switch {
	case b.events == 0 && !unknown:
		return fmt.Errorf("%w; nothing was appended", err)
	case b.events == 0:
		return err
	}
	done := fmt.Sprintf("appended so far: %s, up to line %d, the last at position %d", plural(uint64(b.events), "event"), b.line, b.position)
	if unknown {
		return fmt.Errorf("%w; %s", err, done)
	}
	return fmt.Errorf("%w; %s; continue from line %d", err, done, b.line+1)
}

// appendBatchBytes bounds the size of a batch; one event may exceed it. Two batches are
// in memory at a time, one being read and one being written, and two further events.
const appendBatchBytes = 4 << 20

// batchPause is how long after its first event a batch is sent although it is not full,
// because the input pauses.
const batchPause = 200 * time.Millisecond

// batch contains the events of one of several requests.
type batch struct {
	events []dcb.Event
	last   int   // line number of the last event
	err    error // of a line after the previous batch; then there are no events
}

// batches returns batches of at most size events, or of fewer if they are large or if the
// input pauses. If a line is invalid, the last batch contains its error and no events. A
// blocked read cannot be interrupted: after ctx is done, reading ends at the next line.
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

// readLine is an event from the input, or the error of reading it.
type readLine struct {
	ndjson.Event
	err error
}

// lines returns the lines of the input up to its end or the first error, or until ctx is
// done.
func (r *eventReader) lines(ctx context.Context) <-chan readLine {
	read := make(chan readLine)
	go func() {
		defer close(read)
		for {
			event, err := r.Next()
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

// gatherer builds batches from lines.
type gatherer struct {
	lines <-chan readLine
	size  int           // maximum number of events in a batch
	ahead *ndjson.Event // read already, but did not fit into the previous batch
}

// next returns the next batch. After the last one, it is empty.
func (g *gatherer) next() (b batch) {
	var pause <-chan time.Time // starts with the first event
	total := 0
	add := func(e ndjson.Event) {
		b.events = append(b.events, e.Event)
		b.last = e.Line
		total += e.Size
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
			case total+line.Size > appendBatchBytes && len(b.events) > 0:
				g.ahead = &line.Event
				return b
			}
			add(line.Event)
		case <-pause:
			return b
		}
	}
	return b
}
