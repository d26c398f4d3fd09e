package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

// followAhead is how many events may have come that are not printed yet.
const followAhead = 16

// following is a subscription that is printed.
type following struct {
	query dcb.Query
	after uint64  // the last position printed, or the one to begin behind
	limit *uint32 // nil for none
}

// run prints the events stored and those to come, until ctx is done, which is no
// error, or the limit is reached.
func (f *following) run(ctx context.Context, s dcb.EventStore, p *printer, stderr io.Writer) error {
	if f.limit != nil && *f.limit == 0 {
		return nil
	}
	var err error
	if _, alone := s.(*store.Store); alone {
		err = f.runAlone(ctx, s, p, stderr)
	} else {
		err = f.runOn(ctx, s, p)
	}
	if ctx.Err() != nil && !isQuiet(err) {
		err = nil
	}
	if flushed := p.flush(); err == nil {
		err = flushed
	}
	return err
}

// runAlone prints what a directory holds. Nothing can come, since no one else
// can open it meanwhile.
func (f *following) runAlone(ctx context.Context, s dcb.EventStore, p *printer, stderr io.Writer) error {
	count, err := p.printAll(s.Read(ctx, f.query, dcb.ReadOptions{Start: behind(f.after), Limit: f.limit}))
	if err == nil && (f.limit == nil || count < uint64(*f.limit)) {
		fmt.Fprintln(stderr, "umadb: that is all, for nobody can append while this command has the directory open; to follow a server use --url")
	}
	return err
}

// runOn prints what a server sends. Whatever has come is written at once when
// nothing more has.
func (f *following) runOn(ctx context.Context, s dcb.EventStore, p *printer) error {
	events, ended := f.receive(ctx, s)
	defer ended()
	for count := uint32(0); f.limit == nil || count < *f.limit; count++ {
		var event dcb.SequencedEvent
		var more bool
		select {
		case event, more = <-events:
		default:
			if err := p.flush(); err != nil {
				return err
			}
			event, more = <-events
		}
		if !more {
			return f.explain(ended())
		}
		if err := p.print(&event); err != nil {
			return err
		}
		f.after = event.Position
	}
	return nil
}

// receive subscribes in a goroutine, which closes events when it ends. ended
// makes it end, waits until it has, and gives its error.
func (f *following) receive(ctx context.Context, s dcb.EventStore) (events <-chan dcb.SequencedEvent, ended func() error) {
	ctx, cancel := context.WithCancel(ctx)
	received := make(chan dcb.SequencedEvent, followAhead)
	var failed error
	after := f.after
	go func() {
		defer close(received)
		for event, err := range s.Subscribe(ctx, f.query, after) {
			if err != nil {
				failed = err
				return
			}
			select {
			case received <- event:
			case <-ctx.Done():
				return
			}
		}
	}()
	return received, func() error {
		cancel()
		for range received {
		}
		return failed
	}
}

// explain says how to go on when the events end though more may come.
func (f *following) explain(failed error) error {
	switch {
	case failed == nil:
		return &dcb.Error{Kind: dcb.ErrTransport, Detail: fmt.Sprintf(
			"the server has closed the subscription; run the command again with --after %d", f.after)}
	case errors.Is(failed, dcb.ErrTransport):
		return fmt.Errorf("%w; run the command again with --after %d", failed, f.after)
	}
	return failed
}

// behind gives the first position above after. No event has the last number.
func behind(after uint64) *uint64 {
	start := after
	if after < math.MaxUint64 {
		start++
	}
	return &start
}
