package transfer

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
)

// errHistory is returned for a store that is not a prefix of the source.
var errHistory = errors.New("the histories differ; import the whole source into an empty directory")

// errDecreasing is returned for a source that no store can contain.
var errDecreasing = errors.New("the positions in a store never decrease, so verify the source with umadb check, copy it again, and import the whole source into an empty directory")

// historyError returns an error that describes why the store is not a prefix of the source.
func historyError(format string, args ...any) error {
	return &dcb.Error{Kind: dcb.ErrIntegrity, Detail: fmt.Sprintf(format, args...), Cause: errHistory}
}

// restorer copies the records of a source that a store does not have yet. It compares the
// events of the store with those of the source, and writes no event before all of them
// match.
type restorer struct {
	to       Target
	at       uint64 // position of the last event from the source, or the one before the first
	progress func(position uint64)
	times    recordedTimes
	// unmatched is the tracking of the store that the source has not contained so far.
	unmatched map[string]uint64

	own     func() (dcb.SequencedEvent, error, bool) // returns the next event of the store
	ownHead uint64                                   // head of the store at the start
	batcher
}

// restore copies the source to its end, and returns the number of tracking-only records
// written. After an error, the store is a prefix of the source, unless the source is
// invalid.
func (r *restorer) restore(ctx context.Context, source Records) (tracking uint64, err error) {
	if r.ownHead, err = r.to.Head(ctx); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r.times.latest = time.Now().Add(maxAhead)
	start := r.at + 1
	var stop func()
	r.own, stop = iter.Pull2(r.to.Read(ctx, dcb.Query{}, dcb.ReadOptions{Start: &start}).All())
	defer stop()
	batches := make(chan []ndjson.Record)
	r.batcher = batcher{batches: batches, deferred: map[string]ndjson.Record{}}
	written := make(chan error, 1)
	go func() {
		defer cancel() // stops reading if writing failed
		var writeErr error
		tracking, writeErr = writeBatches(ctx, r.to, batches)
		written <- writeErr
	}()
	err = r.readAll(ctx, source)
	close(batches)
	if writeErr := <-written; writeErr != nil {
		err = writeErr
	}
	return tracking, err
}

// readAll processes the source to its end or to an error.
func (r *restorer) readAll(ctx context.Context, source Records) (err error) {
	var next ndjson.Record
	for next, err = range source {
		if err == nil {
			err = r.apply(ctx, &next)
		}
		if err != nil {
			break
		}
	}
	// Once all events are compared, the valid records before an error are written.
	if r.at >= r.ownHead && !IsSourceInvalid(err) {
		err = firstOf(err, r.flush(ctx))
	}
	if err == nil && next.End == nil {
		err = ndjson.ErrIncomplete // a source ends with an end record or an error
	}
	return err
}

// IsSourceInvalid reports whether an error makes the records before it unreliable too.
func IsSourceInvalid(err error) bool {
	return errors.Is(err, errHistory) || errors.Is(err, errDecreasing) || errors.Is(err, ndjson.ErrChecksum)
}

func firstOf(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// apply compares or writes a record.
func (r *restorer) apply(ctx context.Context, next *ndjson.Record) error {
	if next.End != nil {
		return r.finish(next.End.Head)
	}
	if err := r.times.add(next); err != nil {
		return err
	}
	if info := next.Tracking; info != nil && info.Position >= r.unmatched[info.Source] {
		delete(r.unmatched, info.Source)
	}
	if next.Position == 0 {
		return r.applyTracking(ctx, next)
	}
	if next.Position != r.at+1 {
		return positionError(next.Position, r.at+1)
	}
	if next.Position > r.ownHead {
		if err := r.add(ctx, next); err != nil {
			return err
		}
	} else if err := r.compare(&next.SequencedEvent); err != nil {
		return err
	}
	r.at = next.Position
	if r.at%progressEvents == 0 {
		r.progress(r.at)
	}
	return nil
}

// compare compares an event of the source with that of the store.
func (r *restorer) compare(theirs *dcb.SequencedEvent) error {
	ours, err, ok := r.own()
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("the store ends before its head, %d; verify it with umadb check", r.ownHead)
	}
	if what := difference(&ours, theirs); what != "" {
		return historyError("the store is not a copy of the source: they differ in the %s of position %d", what, theirs.Position)
	}
	return nil
}

// applyTracking writes a tracking-only record unless the store has it. While there are
// events to compare, it defers the record.
func (r *restorer) applyTracking(ctx context.Context, next *ndjson.Record) error {
	recorded, known, err := r.to.GetTrackingInfo(ctx, next.Tracking.Source)
	if err != nil || known && recorded >= next.Tracking.Position {
		return err
	}
	if r.at < r.ownHead {
		return r.postpone(next)
	}
	return r.add(ctx, next)
}

// finish compares the end of the source with its last event and with the store.
func (r *restorer) finish(head uint64) error {
	switch {
	case max(r.at, head) < r.ownHead:
		return historyError("the store is longer than the source: it ends at position %d, and the source at %d", r.ownHead, head)
	case head != r.at:
		return fmt.Errorf("the source should end at position %d, but its last event is at %d: it is not a complete store; export it again", head, r.at)
	case len(r.unmatched) > 0:
		return missingInExport(r.unmatched)
	}
	return nil
}
