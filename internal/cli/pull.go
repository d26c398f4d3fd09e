package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/ndjson"
	"github.com/umadb-go/umadb/internal/store"
)

const (
	// pollTracking is the interval at which --follow queries a server for tracking-only
	// records, and pollHistory the interval at which it compares the last event again if
	// there are no such records to copy.
	pollTracking = time.Second
	pollHistory  = 5 * time.Second
	// minWait is the minimum time between two rounds.
	minWait = 50 * time.Millisecond
	// firstRetry and lastRetry bound the pause before the next attempt to reach a server.
	firstRetry = time.Second
	lastRetry  = 15 * time.Second
)

// pull imports from a server.
func (o *importOptions) pull(ctx context.Context, cmd *cobra.Command) error {
	from, err := openUntil(ctx, func() (*client.Client, error) {
		return o.auth.dial(cmd.Flags(), o.from, "set another address with --from")
	})
	if err != nil {
		return err
	}
	defer from.Close()
	// An invalid key must not leave a new store.
	if err := warnUnknownSources(ctx, from, o.sources, cmd.ErrOrStderr()); err != nil {
		return asInterrupted(ctx, err)
	}
	if _, err := from.Head(ctx); err != nil {
		return asInterrupted(ctx, err)
	}
	return o.importInto(ctx, cmd, func(to *store.Store, i *importing) error {
		p := &puller{importing: i, from: from, to: to, names: o.sources}
		if !o.follow {
			return asInterrupted(ctx, p.round(ctx))
		}
		err := p.follow(ctx)
		if ctx.Err() != nil {
			return nil // an interruption is the regular end of following
		}
		return err
	})
}

// puller copies from a server in rounds. The first round compares all events of the store
// with those of the server, and so does the first round on each new connection, because the
// server may have another store by then. Other rounds start with the last event of the
// store.
type puller struct {
	*importing
	from  *client.Client
	to    *store.Store
	names []string
	asked time.Time // when tracking was last queried

	connection uint64 // on which the whole store was compared; 0 if there is none
	head       uint64 // of the store after the last round
}

// round copies the events and tracking that the server has now.
func (p *puller) round(ctx context.Context) error {
	connection := p.from.Connections()
	r := &restorer{to: p.to, at: max(p.head, 1) - 1, show: func(uint64) {}}
	whole := connection != p.connection
	if whole {
		head, err := p.from.Head(ctx)
		if err != nil {
			return err
		}
		bar := newProgress(p.stderr, "importing", "events")
		defer bar.clear()
		r.at, r.show = 0, func(done uint64) { bar.show(done, head) }
	}
	p.connection = 0
	tracking, err := r.restore(ctx, p.onConnection(connection, p.records(ctx, r.at+1, whole)))
	p.tracking += tracking
	if err == nil {
		p.connection, p.head = connection, r.at
	}
	return err
}

// records returns the records of the server from a position on. If whole is set, tracking
// is compared first.
func (p *puller) records(ctx context.Context, from uint64, whole bool) records {
	var names []string
	if now := time.Now(); now.Sub(p.asked) >= pollTracking {
		names, p.asked = p.names, now
	}
	source := serverRecords(ctx, p.from, names, from)
	return func(yield func(ndjson.Record, error) bool) {
		if whole {
			if err := compareTracking(ctx, p.to, p.from); err != nil {
				yield(ndjson.Record{}, err)
				return
			}
		}
		source(yield)
	}
}

// onConnection passes on the records of source, and fails as soon as they may come from
// another connection than the given one.
func (p *puller) onConnection(connection uint64, source records) records {
	return func(yield func(ndjson.Record, error) bool) {
		for r, err := range source {
			if err == nil && p.from.Connections() != connection {
				err = errOtherConnection
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

var errOtherConnection = &dcb.Error{Kind: dcb.ErrTransport, Detail: "the connection was lost and a new one was opened"}

// follow makes rounds until ctx is done, or until the server has another store.
func (p *puller) follow(ctx context.Context) error {
	pause, caughtUp, lost := firstRetry, false, false
	for {
		before := p.head
		err := p.round(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			if !caughtUp {
				fmt.Fprintf(p.stderr, "umadb: caught up with the server at position %d; following until Ctrl-C\n", p.head)
			}
			if lost {
				fmt.Fprintln(p.stderr, "umadb: the server is reachable again")
			}
			pause, caughtUp, lost = firstRetry, true, false
			if p.head-before < batchRecords {
				p.wait(ctx)
			}
		case !errors.Is(err, dcb.ErrTransport):
			return err
		default:
			if !lost {
				fmt.Fprintf(p.stderr, "umadb: %v; retrying until the server is reachable, or Ctrl-C\n", err)
				lost = true
			}
			p.asked = time.Time{} // the responses may be lost
			sleep(ctx, pause)
			pause = min(2*pause, lastRetry)
		}
	}
}

// wait waits until the server has a new event or the next round is due.
func (p *puller) wait(ctx context.Context) {
	poll := pollHistory
	if len(p.names) > 0 {
		poll = pollTracking
	}
	atLeast := time.After(minWait)
	waiting, cancel := context.WithTimeout(ctx, poll)
	defer cancel()
	for range p.from.Subscribe(waiting, dcb.Query{}, p.head) {
		break // an event, or an error that the next round will return
	}
	select {
	case <-atLeast:
	case <-ctx.Done():
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
