package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/dcb"
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
