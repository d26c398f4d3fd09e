package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/dcb"
)

// batches are the requests that have been made so far.
type batches struct {
	events   int    // that are in
	position uint64 // of the last event that is in
	line     int    // that it was on
	asking   bool   // a request is under way
}

// runBatches appends what standard input has, some events a request.
func (o *appendOptions) runBatches(cmd *cobra.Command) error {
	in, err := newEventReader(cmd.InOrStdin())
	if err != nil {
		return err
	}
	var done batches
	err = o.target.use(cmd, true, func(ctx context.Context, s dcb.EventStore) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		return done.append(ctx, s, in.batches(ctx, o.batch))
	})
	if err != nil {
		return done.explain(err)
	}
	return o.print(cmd.OutOrStdout(), done.position, done.events)
}

// append makes the requests, one after the other.
func (b *batches) append(ctx context.Context, s dcb.EventStore, read <-chan batch) error {
	for {
		select {
		case next, more := <-read:
			if !more {
				return ctx.Err() // reading ends with ctx too
			}
			if next.err != nil {
				return next.err
			}
			b.asking = true
			position, err := s.Append(ctx, next.events, nil, nil)
			if err != nil {
				return err
			}
			b.asking = false
			b.events += len(next.events)
			b.position, b.line = position, next.last
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// explain says how far it has come when there is an error, and where to go on.
func (b *batches) explain(err error) error {
	interrupted := errors.Is(err, errInterrupted)
	unknown := b.asking && (interrupted || errors.Is(err, dcb.ErrTransport) || errors.Is(err, dcb.ErrIO))
	if b.asking && interrupted {
		err = fmt.Errorf("%w; whether the batch behind line %d was appended is unknown, umadb read shows it", err, b.line)
	}
	switch {
	case b.events == 0 && !unknown:
		return fmt.Errorf("%w; nothing was appended", err)
	case b.events == 0:
		return err
	}
	before := fmt.Sprintf("appended before: %s, up to line %d, the last at position %d", plural(uint64(b.events), "event"), b.line, b.position)
	if unknown {
		return fmt.Errorf("%w; %s", err, before)
	}
	return fmt.Errorf("%w; %s; go on from line %d", err, before, b.line+1)
}
