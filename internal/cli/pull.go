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
	from, err := openUntil(ctx, func() (*client.Client, error) { return o.auth.dial(o.from, "--from names another") })
	if err != nil {
		return err
	}
	defer from.Close()
	if _, err := from.Head(ctx); err != nil { // a wrong key should leave no new store behind
		return asInterrupted(ctx, err)
	}
	return o.into(ctx, cmd, func(to *store.Store, i *importing) error {
		p := &puller{importing: i, from: from, to: to, names: o.sources}
		if !o.follow {
			return asInterrupted(ctx, p.first(ctx))
		}
		err := p.follow(ctx)
		if ctx.Err() != nil {
			return nil // that is how following ends
		}
		return err
	})
}

// puller copies from a server, in rounds. Each reads one snapshot, from the
// store's last event on: so each sees for itself that the histories are the same,
// whatever has become of the server since.
type puller struct {
	*importing
	from   *client.Client
	to     *store.Store
	names  []string
	asked  time.Time // when the server was asked for tracking
	behind uint64    // the store's head, all of which was compared; 0 if it was not
}

// first makes the round that may be long, and shows its progress.
func (p *puller) first(ctx context.Context) error {
	head, err := p.from.Head(ctx)
	if err != nil {
		return err
	}
	bar := newProgress(p.stderr, "importing", "events")
	defer bar.clear()
	return p.round(ctx, func(done uint64) { bar.show(done, head) })
}

// round copies what the server has now.
func (p *puller) round(ctx context.Context, show func(done uint64)) error {
	start := max(p.behind, 1)
	var names []string
	if now := time.Now(); now.Sub(p.asked) >= pollTracking {
		names, p.asked = p.names, now
	}
	var t tally
	err := restore(ctx, p.to, serverRecords(ctx, p.from, names, start), start, &t, show)
	if p.behind == 0 { // later, one is compared that was there or is counted as imported
		p.existing = t.existing
	}
	p.imported += t.imported
	p.tracking += t.tracking
	if err == nil || p.behind > 0 || p.imported > 0 {
		head, headErr := p.to.Head(ctx)
		if headErr != nil {
			return firstOf(err, headErr)
		}
		p.behind = head
	}
	return err
}

// follow makes rounds until ctx is done, or the source turns out to be another.
func (p *puller) follow(ctx context.Context) error {
	pause, caughtUp, told := firstRetry, false, false
	copyNow := p.first
	for {
		before := p.behind
		err := copyNow(ctx)
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
			copyNow = func(ctx context.Context) error { return p.round(ctx, func(uint64) {}) }
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
