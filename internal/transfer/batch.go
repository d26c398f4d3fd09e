package transfer

import (
	"context"
	"errors"
	"fmt"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/ndjson"
)

// A batch becomes durable at once. It is large enough to hide the latency of the disk, and
// small enough to be in memory twice: one is being read while the one before it is written.
const (
	batchRecords = 4096
	batchBytes   = 512 << 10
)

// batcher collects the records to write.
type batcher struct {
	batch    []ndjson.Record
	bytes    int
	deferred map[string]ndjson.Record // tracking-only records to write once all events are compared
	batches  chan<- []ndjson.Record   // to writeBatches
}

// add adds a record to the batch, and flushes a full batch first.
func (b *batcher) add(ctx context.Context, next *ndjson.Record) error {
	if len(b.batch) >= batchRecords || b.bytes >= batchBytes {
		if err := b.flush(ctx); err != nil {
			return err
		}
	}
	if len(b.batch) == 0 {
		b.addDeferred()
	}
	b.batch = append(b.batch, *next)
	b.bytes += size(&next.SequencedEvent)
	return nil
}

// postpone keeps a tracking-only record for later.
func (b *batcher) postpone(next *ndjson.Record) error {
	if len(b.deferred) >= maxSources {
		return fmt.Errorf("more than %d tracking sources are missing in the store: import into an empty directory", maxSources)
	}
	b.deferred[next.Tracking.Source] = *next
	return nil
}

// addDeferred adds the deferred records to the batch.
func (b *batcher) addDeferred() {
	for _, next := range b.deferred {
		b.batch = append(b.batch, next)
	}
	clear(b.deferred)
}

// size returns the approximate size of a record in memory, in bytes.
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

// flush passes the batch to writeBatches.
func (b *batcher) flush(ctx context.Context) error {
	b.addDeferred()
	if len(b.batch) == 0 {
		return nil
	}
	select {
	case b.batches <- b.batch:
	case <-ctx.Done():
		return ctx.Err()
	}
	b.batch, b.bytes = make([]ndjson.Record, 0, len(b.batch)), 0
	return nil
}

// writeBatches writes batches to the store, and returns the number of tracking-only records
// among them. It continues after reading has failed: the records read before are valid.
func writeBatches(ctx context.Context, to Target, batches <-chan []ndjson.Record) (tracking uint64, err error) {
	var events []dcb.SequencedEvent
	for batch := range batches {
		events = events[:0]
		trackingOnly := uint64(0)
		for i := range batch {
			events = append(events, batch[i].SequencedEvent)
			if batch[i].Position == 0 {
				trackingOnly++
			}
		}
		if err := to.Restore(ctx, events); err != nil {
			return tracking, locate(ctx, to, batch, err)
		}
		clear(events) // the garbage collector can free the batch while the next one is read
		tracking += trackingOnly
	}
	return tracking, nil
}

// locate returns an error that names the record of a batch that decreases a tracking
// position, if that is why the batch was rejected, and the record before it.
func locate(ctx context.Context, to Target, batch []ndjson.Record, err error) error {
	if !errors.Is(err, dcb.ErrIntegrity) {
		return err
	}
	type recorded struct {
		position uint64
		by       string
	}
	last := map[string]recorded{}
	for i := range batch {
		info := batch[i].Tracking
		if info == nil {
			continue
		}
		before, seen := last[info.Source]
		if !seen {
			position, _, err := to.GetTrackingInfo(ctx, info.Source)
			if err != nil {
				return err
			}
			before = recorded{position, "the store"} // at 0 if there is none: no position is less
		}
		if info.Position < before.position {
			return &dcb.Error{
				Kind: dcb.ErrIntegrity,
				Detail: fmt.Sprintf("%s decreases the position of tracking source %q from %d to %d (%s has %d)",
					place(&batch[i]), info.Source, before.position, info.Position, before.by, before.position),
				Cause: errDecreasing,
			}
		}
		last[info.Source] = recorded{info.Position, place(&batch[i])}
	}
	return err
}

// place describes where a record is in the source.
func place(r *ndjson.Record) string {
	switch {
	case r.Line > 0:
		return fmt.Sprint("line ", r.Line)
	case r.Position > 0:
		return fmt.Sprint("the event at position ", r.Position)
	}
	return "a record after the events"
}
