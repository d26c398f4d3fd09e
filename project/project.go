package project

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/retry"
)

// Target contains the result of a projection, and the position up to which it is complete. Its
// methods are called by one goroutine at a time.
type Target interface {
	// Position returns the Position of the last batch that was stored, or 0 if there is none.
	Position(ctx context.Context) (uint64, error)
	// Handle stores the result of a batch, and its Position, in one transaction.
	Handle(ctx context.Context, batch Batch) error
}

// Batch is the events to be handled together.
type Batch struct {
	// Events are the events, in order. There are none if only the position moves, because
	// other events have been appended that do not match the query.
	Events []dcb.SequencedEvent
	// After is the position of the batch before. If the stored position is another one,
	// another instance of the program is running: Handle should fail.
	After uint64
	// Position is the position up to which all events of the query have been handled when the
	// batch has been stored.
	Position uint64
}

// Options configures Run. The zero value is valid.
type Options struct {
	// BatchEvents is the maximum number of events of a batch. The default is 256. As many more are
	// read in advance.
	BatchEvents int
	// Attempts is the number of failures in a row after which Run returns. The default is 10,
	// which takes up to two minutes.
	Attempts int
	// Grace is how long a batch may take after ctx is done. Then the context of Handle is
	// done too. The default is 10 seconds.
	Grace time.Duration
	// Progress is called when the projection starts, when it resumes after a failure, and after
	// each batch.
	Progress func(Progress)
	// Logger receives a warning about each failure that is followed by another attempt. The default is
	// no logging.
	Logger *slog.Logger
}

// Progress is how far a projection is.
type Progress struct {
	// Position is the position of the last batch.
	Position uint64
	// Head is the position of the last event of the store at this moment.
	Head uint64
}

// Lag returns the number of events after the position. Those that do not match the query count
// too, until the position moves over them: after 50 ms when the projection has caught up, later after
// up to 5 seconds. It is 0 when the projection has caught up. A server of another implementation does
// not report such events; then the position is that of the last event that matched.
func (p Progress) Lag() uint64 { return p.Head - min(p.Position, p.Head) }

// withDefaults returns the options with each zero field set to its default.
func (o *Options) withDefaults() Options {
	var options Options
	if o != nil {
		options = *o
	}
	if options.BatchEvents <= 0 {
		options.BatchEvents = 256
	}
	if options.Attempts <= 0 {
		options.Attempts = 10
	}
	if options.Grace <= 0 {
		options.Grace = 10 * time.Second
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	return options
}

// Bounds of the pause after a failure.
const (
	firstPause = 200 * time.Millisecond
	lastPause  = 30 * time.Second
)

// Run passes the events of query to target, in batches, in order, and each once: first the stored
// events after the target's position, then new ones. When ctx is done, it returns nil, unless
// the batch that is being handled fails; otherwise it returns an error. options may be nil.
func Run(ctx context.Context, store dcb.EventStore, query dcb.Query, target Target, options *Options) error {
	p := &projection{store: store, query: query, target: target, options: options.withDefaults()}
	handling, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(p.options.Grace):
			cancel()
		case <-handling.Done():
		}
	})
	defer stop()
	p.handling = handling

	backoff := retry.Backoff{First: firstPause, Last: lastPause}
	for failures := 1; ; failures++ {
		before := p.position
		err := p.attempt(ctx)
		if ctx.Err() != nil || isFinal(err) {
			return err
		}
		if p.position > before {
			failures = 1
			backoff.Succeeded()
		}
		if failures >= p.options.Attempts {
			return fmt.Errorf("project: %d attempts after position %d have failed: %w", failures, p.position, err)
		}
		p.options.Logger.Warn("projection failed; trying again", "position", p.position, "error", err)
		if backoff.Pause(ctx) != nil {
			return nil
		}
	}
}

// isFinal reports whether another attempt would fail too.
func isFinal(err error) bool {
	return errors.Is(err, dcb.ErrInvalidArgument) || errors.Is(err, dcb.ErrAuthentication) || errors.Is(err, dcb.ErrClosed)
}

// projection is a call of Run.
type projection struct {
	store    dcb.EventStore
	query    dcb.Query
	target   Target
	options  Options
	handling context.Context // of Handle
	position uint64          // stored in the target, as far as is known
}

// attempt continues the projection until it fails, or until ctx is done. Then its error is that of
// the batch that was being handled, or nil.
func (p *projection) attempt(ctx context.Context) error {
	position, err := p.target.Position(ctx)
	if err != nil {
		return unlessDone(ctx, err)
	}
	p.position = position
	if err := p.report(ctx); err != nil {
		return unlessDone(ctx, err)
	}
	s := p.subscribe(ctx, position)
	defer s.close()
	for {
		batch, err := s.next(p.position, p.options.BatchEvents)
		if err != nil || ctx.Err() != nil {
			return unlessDone(ctx, err)
		}
		if err := p.target.Handle(p.handling, batch); err != nil {
			return err
		}
		p.position = batch.Position
		if err := p.report(ctx); err != nil {
			return unlessDone(ctx, err)
		}
	}
}

// report calls Options.Progress.
func (p *projection) report(ctx context.Context) error {
	if p.options.Progress == nil {
		return nil
	}
	head, err := p.store.Head(ctx)
	if err == nil {
		p.options.Progress(Progress{Position: p.position, Head: head})
	}
	return err
}

// unlessDone returns an error, or nil if ctx is done.
func unlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
