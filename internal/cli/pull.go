package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/store"
)

const (
	// pollTracking is how often a server that is followed is asked for tracking
	// that sits on no event, and pollHistory whether it is still the same without.
	pollTracking = time.Second
	pollHistory  = 5 * time.Second
	// leastWait is between two questions whatever the answers.
	leastWait = 50 * time.Millisecond
	// firstRetry and lastRetry bound the pause before a server that does not answer
	// is asked again.
	firstRetry = time.Second
	lastRetry  = 15 * time.Second
)

// pull imports from a server.
func (o *importOptions) pull(ctx context.Context, cmd *cobra.Command) error {
	from, err := openUntil(ctx, func() (*client.Client, error) { return o.auth.dial(cmd.Flags(), o.from, "--from names another") })
	if err != nil {
		return err
	}
	defer from.Close()
	// A wrong key should leave no new store behind.
	if err := noteUnknown(ctx, from, o.sources, cmd.ErrOrStderr()); err != nil {
		return asInterrupted(ctx, err)
	}
	if _, err := from.Head(ctx); err != nil {
		return asInterrupted(ctx, err)
	}
	return o.into(ctx, cmd, func(to *store.Store, i *importing) error {
		p := &puller{importing: i, from: from, to: to, names: o.sources}
		if !o.follow {
			return asInterrupted(ctx, p.round(ctx))
		}
		err := p.follow(ctx)
		if ctx.Err() != nil {
			return nil // that is how following ends
		}
		return err
	})
}

// puller copies from a server, in rounds. The first compares all that the store has
// with the server's, and so does each that finds another connection: whatever may
// have become of the server in between. The others begin with the store's last event.
type puller struct {
	*importing
	from  *client.Client
	to    *store.Store
	names []string
	asked time.Time // when the server was asked for tracking

	connection uint64 // over which the whole store was compared; 0 for none
	behind     uint64 // the store's head then
}

// round copies what the server has now.
func (p *puller) round(ctx context.Context) error {
	connection := p.from.Connections()
	r := &restorer{to: p.to, at: max(p.behind, 1) - 1, show: func(uint64) {}}
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
	tracking, err := r.restore(ctx, p.over(connection, p.records(ctx, r.at+1, whole)))
	p.tracking += tracking
	if err == nil {
		p.connection, p.behind = connection, r.at
	}
	return err
}

// records gives what the server has from a position on. If that is all, it has the
// tracking compared first.
func (p *puller) records(ctx context.Context, from uint64, whole bool) records {
	var names []string
	if now := time.Now(); now.Sub(p.asked) >= pollTracking {
		names, p.asked = p.names, now
	}
	source := serverRecords(ctx, p.from, names, from)
	return func(yield func(record, error) bool) {
		if whole {
			if err := compareTracking(ctx, p.to, p.from); err != nil {
				yield(record{}, err)
				return
			}
		}
		source(yield)
	}
}

// over passes records on while no other connection than the one that is given can
// have brought them.
func (p *puller) over(connection uint64, source records) records {
	return func(yield func(record, error) bool) {
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

var errOtherConnection = &dcb.Error{Kind: dcb.ErrTransport, Detail: "the connection broke, and there is another one"}

// follow makes rounds until ctx is done, or the source turns out to be another.
func (p *puller) follow(ctx context.Context) error {
	pause, caughtUp, told := firstRetry, false, false
	for {
		before := p.behind
		err := p.round(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			if !caughtUp {
				fmt.Fprintf(p.stderr, "umadb: the store has all that the server had, up to position %d; following until Ctrl-C\n", p.behind)
			}
			if told {
				fmt.Fprintln(p.stderr, "umadb: the server answers again")
			}
			pause, caughtUp, told = firstRetry, true, false
			if p.behind-before < batchRecords {
				p.wait(ctx)
			}
		case !errors.Is(err, dcb.ErrTransport):
			return err
		default:
			if !told {
				fmt.Fprintf(p.stderr, "umadb: %v; trying again until it answers, or Ctrl-C\n", err)
				told = true
			}
			p.asked = time.Time{} // the answers may be lost
			sleep(ctx, pause)
			pause = min(2*pause, lastRetry)
		}
	}
}

// wait returns when the server may have something new.
func (p *puller) wait(ctx context.Context) {
	poll := pollHistory
	if len(p.names) > 0 {
		poll = pollTracking
	}
	least := time.After(leastWait)
	waiting, cancel := context.WithTimeout(ctx, poll)
	defer cancel()
	for range p.from.Subscribe(waiting, dcb.Query{}, p.behind) {
		break // an event, or an error that the next round will meet
	}
	select {
	case <-least:
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
