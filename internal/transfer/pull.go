package transfer

import (
	"context"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
)

// Observer is notified of the progress of a copy from a server. Its methods are called one
// after the other.
type Observer interface {
	// Begin is called when all events of the store are about to be compared with those of
	// the server, which ends at head.
	Begin(head uint64)
	// Progress is called with positions between Begin and End.
	Progress(position uint64)
	// End is called when the comparison and the copying of further events have ended.
	End()

	// CaughtUp is called when Follow has copied everything that the server has, for the
	// first time, up to a position.
	CaughtUp(position uint64)
	// Lost is called when the server has become unreachable. Follow keeps trying.
	Lost(err error)
	// Reachable is called after Lost, when the server is reachable again.
	Reachable()
}

// Pull copies what a server has now, with tracking-only records of the given sources. It
// returns the number of tracking-only records that it has written.
func Pull(ctx context.Context, to Target, from Server, sources Tracking, observer Observer) (tracking uint64, err error) {
	p := puller{to: to, from: from, sources: sources, observer: observer}
	err = p.round(ctx)
	return p.tracking, err
}

// puller copies from a server in rounds. The first round compares all events of the store
// with those of the server, and so does the first round on each new connection, because the
// server may have another store by then. Other rounds start with the last event of the
// store.
type puller struct {
	to       Target
	from     Server
	sources  Tracking
	observer Observer
	asked    time.Time // when tracking was last queried
	tracking uint64    // number of tracking-only records written

	connection uint64 // on which the whole store was compared; 0 if there is none
	head       uint64 // of the store after the last round
}

// round copies the events and tracking that the server has now.
func (p *puller) round(ctx context.Context) error {
	connection := p.from.Connections()
	r := &restorer{to: p.to, at: max(p.head, 1) - 1, progress: func(uint64) {}}
	whole := connection != p.connection
	if whole {
		head, err := p.from.Head(ctx)
		if err != nil {
			return err
		}
		p.observer.Begin(head)
		defer p.observer.End()
		r.at, r.progress = 0, p.observer.Progress
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
func (p *puller) records(ctx context.Context, from uint64, whole bool) Records {
	var tracking Tracking
	if now := time.Now(); now.Sub(p.asked) >= pollTracking {
		tracking, p.asked = p.sources, now
	}
	source := fromPosition(ctx, p.from, tracking, from)
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
func (p *puller) onConnection(connection uint64, source Records) Records {
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
