package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

func newSubscribeCommand() *cobra.Command {
	var t target
	var q queryFlags
	var after uint64
	var limit uint32
	var since recordedAt
	var asJSON bool
	var explain missingNotes
	cmd := &cobra.Command{
		Use:   "subscribe",
		Short: "Print stored events, then new ones",
		Long: `subscribe prints the stored events that match a query, then new ones as they are
appended, until Ctrl-C. It does the same as "umadb read --follow".

With --db-path, it follows a directory that a server or another program has open.

If the server stops or the connection is lost, it resumes after the last event. If it
cannot resume within a minute, or at once with --no-resume, it exits with 5 and shows
how to continue without missing an event. On a terminal it prints when it waits for new
events.`,
		Example: `  umadb subscribe --type StudentJoined --json
  umadb subscribe --after 1200
  umadb subscribe --since 2h`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := since.validateFollowed(); err != nil {
				return err
			}
			return t.use(cmd, false, func(ctx context.Context, s dcb.EventStore) error {
				part, err := since.positions(ctx, s)
				if err != nil {
					return err
				}
				f := following{query: q.query(), after: part.After(after), limit: givenLimit(cmd.Flags(), &limit), notes: explain}
				return f.run(ctx, s, newPrinter(cmd.OutOrStdout(), asJSON), cmd.ErrOrStderr())
			})
		},
	}
	f := cmd.Flags()
	q.addFlags(f)
	since.addSince(f)
	f.Uint64Var(&after, "after", 0, "`position` to start after")
	f.Uint32Var(&limit, "limit", 0, "maximum `number` of events")
	f.BoolVar(&t.auth.noResume, "no-resume", false, "exit if the server stops or the connection is lost")
	perCall(f, "after", "limit", "no-resume")
	f.BoolVar(&asJSON, "json", false, "print each event as a line of JSON")
	explain.addFlag(f)
	t.addFlags(f)
	return cmd
}

// followAhead is the maximum number of received events that are not printed yet.
const followAhead = 16

// following prints the events of a subscription.
type following struct {
	query dcb.Query
	after uint64  // the last position printed, or the position to start after
	limit *uint32 // nil if there is none
	notes missingNotes
	note  io.Writer // where to print that all events have been printed, or nil
}

// run prints stored and new events until the limit is reached or ctx is done, which is not
// an error.
func (f *following) run(ctx context.Context, s dcb.EventStore, p *printer, stderr io.Writer) error {
	if f.limit != nil && *f.limit == 0 {
		return nil
	}
	_, err := f.notes.note(ctx, s, f.query, stderr)
	if err != nil {
		return err
	}
	if local, ok := s.(*store.Store); ok && !local.Follows() {
		err = f.printStored(ctx, s, p, stderr)
	} else {
		if !p.asJSON && isTerminal(stderr) {
			f.note = stderr
		}
		err = f.printLive(ctx, s, p)
	}
	if ctx.Err() != nil && !isQuiet(err) {
		err = nil
	}
	if flushed := p.flush(); err == nil {
		err = flushed
	}
	return err
}

// printStored prints the events in a directory that this process has locked. There will be
// no new ones.
func (f *following) printStored(ctx context.Context, s dcb.EventStore, p *printer, stderr io.Writer) error {
	count, err := p.printAll(s.Read(ctx, f.query, dcb.ReadOptions{Start: startAfter(f.after), Limit: f.limit}))
	if err == nil && (f.limit == nil || count < uint64(*f.limit)) {
		fmt.Fprintln(stderr, "umadb: no more events: no other process can append while this command has the directory open; to follow a server, start it first, or use --url")
	}
	return err
}

// printLive prints the events that a server sends, or that another process appends to a
// directory. It flushes its output whenever it has
// printed all received events.
func (f *following) printLive(ctx context.Context, s dcb.EventStore, p *printer) error {
	received, ended := f.receive(ctx, s)
	defer ended()
	caughtUp := false
	for count := uint32(0); f.limit == nil || count < *f.limit; {
		var r receivedItem
		var more bool
		select {
		case r, more = <-received:
		default:
			if err := p.flush(); err != nil {
				return err
			}
			r, more = <-received
		}
		switch {
		case !more:
			return f.explain(ended())
		case r.progress == nil:
			if err := p.print(&r.event); err != nil {
				return err
			}
			f.after = r.event.Position
			count++
		default:
			if r.progress.CaughtUp() && !caughtUp {
				if err := p.flush(); err != nil {
					return err
				}
				fmt.Fprintf(f.note, "umadb: all events up to position %d have been read; waiting for new ones\n", r.progress.Checked)
			}
			caughtUp = r.progress.CaughtUp()
		}
	}
	return nil
}

// receivedItem is an event, or progress if that is not nil.
type receivedItem struct {
	event    dcb.SequencedEvent
	progress *dcb.Progress
}

// receive subscribes in a goroutine, which closes the channel when it ends. ended stops it,
// waits for its end, and returns its error.
func (f *following) receive(ctx context.Context, s dcb.EventStore) (received <-chan receivedItem, ended func() error) {
	ctx, cancel := context.WithCancel(ctx)
	items := make(chan receivedItem, followAhead)
	send := func(r receivedItem) bool {
		select {
		case items <- r:
			return true
		case <-ctx.Done():
			return false
		}
	}
	var options dcb.SubscribeOptions
	if f.note != nil {
		options.OnProgress = func(p dcb.Progress) { send(receivedItem{progress: &p}) }
	}
	var failed error
	after := f.after
	go func() {
		defer close(items)
		for event, err := range s.Subscribe(ctx, f.query, after, options) {
			if err != nil {
				failed = err
				return
			}
			if !send(receivedItem{event: event}) {
				return
			}
		}
	}()
	return items, func() error {
		cancel()
		for range items {
		}
		return failed
	}
}

// explain adds to the error of a subscription how to continue it.
func (f *following) explain(failed error) error {
	switch {
	case failed == nil:
		return &dcb.Error{Kind: dcb.ErrTransport, Detail: fmt.Sprintf(
			"the server closed the subscription; run the command again with --after %d", f.after)}
	case errors.Is(failed, dcb.ErrTransport):
		return fmt.Errorf("%w; run the command again with --after %d", failed, f.after)
	}
	return failed
}

// startAfter returns the position that follows after. No event has the largest position.
func startAfter(after uint64) *uint64 {
	start := after
	if after < math.MaxUint64 {
		start++
	}
	return &start
}
