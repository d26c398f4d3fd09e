package transfer

import (
	"context"
	"errors"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/retry"
)

const (
	// pollTracking is the interval at which Follow queries a server for tracking-only
	// records, and pollHistory the interval at which it compares the last event again if
	// there are no such records to copy.
	pollTracking = time.Second
	pollHistory  = 5 * time.Second
	// minWait is the minimum time between two rounds.
	minWait = 50 * time.Millisecond
)

// Follow copies like Pull, and then new events as they are appended to the server. It ends
// with the error of ctx, or if the server has another store. It returns the number of
// tracking-only records that it has written.
func Follow(ctx context.Context, to Target, from Server, sources Tracking, observer Observer) (tracking uint64, err error) {
	p := puller{to: to, from: from, sources: sources, observer: observer}
	err = p.follow(ctx)
	return p.tracking, err
}

// follow makes rounds until ctx is done, or until the server has another store.
func (p *puller) follow(ctx context.Context) error {
	attempts, caughtUp := retry.Attempts{Lost: p.observer.Lost, Reachable: p.observer.Reachable}, false
	for {
		before := p.head
		err := p.round(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			if !caughtUp {
				p.observer.CaughtUp(p.head)
			}
			caughtUp = true
			attempts.Succeeded()
			if p.head-before < batchRecords {
				p.wait(ctx)
			}
		case !errors.Is(err, dcb.ErrTransport):
			return err
		default:
			p.asked = time.Time{} // the responses may be lost
			if err := attempts.Failed(ctx, err); err != nil {
				return err
			}
		}
	}
}

// wait waits until the server has a new event or the next round is due.
func (p *puller) wait(ctx context.Context) {
	poll := pollHistory
	if p.sources != nil {
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
