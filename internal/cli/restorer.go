package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

// A batch is what becomes durable at once: large enough that the disk is not
// waited for, and small enough to be held twice, one being read while the one
// before is written.
const (
	batchRecords = 4096
	batchBytes   = 1 << 20
)

// maxDeferred bounds the tracking that is held back while events are compared.
const maxDeferred = 64 << 10

// errMixed is why a store is left alone that is no beginning of the source.
var errMixed = errors.New("histories do not mix; import into another directory")

// restorer brings a store up to a source. What the store has already is compared;
// nothing is written before all of that was found to be the source's too.
type restorer struct {
	to      *store.Store
	own     func() (dcb.SequencedEvent, error, bool) // the next of the store's events
	ownHead uint64                                   // when this began
	at      uint64                                   // position of the source's last event

	deferred map[string]uint64 // tracking to write once all is compared
	batch    []dcb.SequencedEvent
	bytes    int
	batches  chan<- []dcb.SequencedEvent
	show     func(done uint64)
	tally    *tally
}

// tally counts what an import has done.
type tally struct {
	existing uint64 // events that were there and are the source's
	imported uint64 // events
	tracking uint64 // positions of sources that sit on no event
}

// restore brings the store up to a source that begins with an event of the store,
// or the first. Whatever the error, the store is a prefix of the source.
func restore(ctx context.Context, to *store.Store, source records, from uint64, t *tally, show func(done uint64)) error {
	head, err := to.Head(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	own, stop := iter.Pull2(to.Read(ctx, dcb.Query{}, dcb.ReadOptions{Start: &from}).All())
	defer stop()
	batches := make(chan []dcb.SequencedEvent, 1)
	r := &restorer{to: to, own: own, ownHead: head, at: from - 1, batches: batches, show: show, tally: t, deferred: map[string]uint64{}}
	written := make(chan error, 1)
	go func() {
		defer cancel() // then there is nothing more to read for
		written <- r.write(ctx, batches)
	}()
	err = r.readAll(ctx, source)
	close(batches)
	if writeErr := <-written; writeErr != nil {
		return writeErr
	}
	return err
}

// write restores batches. It goes on when the reading has failed: what was read
// before that is sound.
func (r *restorer) write(ctx context.Context, batches <-chan []dcb.SequencedEvent) error {
	for batch := range batches {
		if err := r.to.Restore(ctx, batch); err != nil {
			return err
		}
		for i := range batch {
			if batch[i].Position == 0 {
				r.tally.tracking++
			} else {
				r.tally.imported++
			}
		}
	}
	return nil
}

// readAll takes the source to its end, or to an error.
func (r *restorer) readAll(ctx context.Context, source records) (err error) {
	var next record
	for next, err = range source {
		if err == nil {
			err = r.take(ctx, &next)
		}
		if err != nil {
			break
		}
	}
	// When everything was compared, what is sound is written.
	if r.at >= r.ownHead {
		err = firstOf(err, r.flush(ctx))
	}
	if err == nil && next.end == nil {
		err = errCutShort // a source always ends with its end or an error
	}
	return err
}

func firstOf(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// take compares or writes a record.
func (r *restorer) take(ctx context.Context, next *record) error {
	if next.end != nil {
		return r.finish(next.end.Head)
	}
	if next.Position == 0 {
		return r.takeTracking(ctx, next.Tracking)
	}
	if next.Position != r.at+1 {
		return misplaced(next.Position, r.at+1)
	}
	if next.Position > r.ownHead {
		if err := r.add(ctx, next.SequencedEvent); err != nil {
			return err
		}
	} else if err := r.compare(&next.SequencedEvent); err != nil {
		return err
	}
	r.at = next.Position
	if r.at%showEvery == 0 {
		r.show(r.at)
	}
	return nil
}

// compare holds an event of the source against the store's.
func (r *restorer) compare(theirs *dcb.SequencedEvent) error {
	ours, err, ok := r.own()
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("the store ends before its head, %d; verify it with umadb check", r.ownHead)
	}
	if what := difference(&ours, theirs); what != "" {
		return fmt.Errorf("the store is not a copy of the source: they differ in the %s of position %d; nothing was added, for %w", what, theirs.Position, errMixed)
	}
	r.tally.existing++
	return nil
}

// takeTracking takes tracking that sits on no event, unless the store has it.
func (r *restorer) takeTracking(ctx context.Context, info *dcb.TrackingInfo) error {
	recorded, known, err := r.to.GetTrackingInfo(ctx, info.Source)
	if err != nil || known && recorded >= info.Position {
		return err
	}
	if r.at < r.ownHead {
		if len(r.deferred) >= maxDeferred {
			return fmt.Errorf("more than %d tracking sources of the source are missing in the store: import into an empty directory", maxDeferred)
		}
		r.deferred[info.Source] = info.Position
		return nil
	}
	return r.add(ctx, dcb.SequencedEvent{Tracking: info})
}

// add puts a record into the batch.
func (r *restorer) add(ctx context.Context, next dcb.SequencedEvent) error {
	if len(r.batch) >= batchRecords || r.bytes >= batchBytes {
		if err := r.flush(ctx); err != nil {
			return err
		}
	}
	if len(r.batch) == 0 {
		r.addDeferred()
	}
	r.batch = append(r.batch, next)
	r.bytes += size(&next)
	return nil
}

// addDeferred adds the tracking that was held back.
func (r *restorer) addDeferred() {
	for source, position := range r.deferred {
		r.batch = append(r.batch, dcb.SequencedEvent{Tracking: &dcb.TrackingInfo{Source: source, Position: position}})
	}
	clear(r.deferred)
}

// size is about what a record takes in memory.
func size(r *dcb.SequencedEvent) int {
	n := 200 + len(r.Event.Type) + len(r.Event.Data)
	for _, tag := range r.Event.Tags {
		n += 16 + len(tag)
	}
	for _, m := range r.Event.Metadata {
		n += 32 + len(m.Key) + len(m.Value)
	}
	return n
}

// flush hands the batch over to be written.
func (r *restorer) flush(ctx context.Context) error {
	r.addDeferred()
	if len(r.batch) == 0 {
		return nil
	}
	select {
	case r.batches <- r.batch:
	case <-ctx.Done():
		return ctx.Err()
	}
	r.batch, r.bytes = make([]dcb.SequencedEvent, 0, len(r.batch)), 0
	return nil
}

// finish holds the source's end against what it gave, and against the store.
func (r *restorer) finish(head uint64) error {
	switch {
	case max(r.at, head) < r.ownHead:
		return fmt.Errorf("the store is longer than the source: it goes to position %d, and the source only to %d; nothing was added, for %w", r.ownHead, head, errMixed)
	case head != r.at:
		return fmt.Errorf("the source says that it ends with position %d, and its last event has %d: it is no whole store; export it again", head, r.at)
	}
	return nil
}
