package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

// A batch is what becomes durable at once: large enough that the disk is not
// waited for, and small enough to be held three times: one being read, one that
// waits, and one being written.
const (
	batchRecords = 4096
	batchBytes   = 1 << 20
)

// batcher gathers what is to be written.
type batcher struct {
	batch    []record
	bytes    int
	deferred map[string]record // tracking to write once there is nothing more to compare
	batches  chan<- []record   // to writeBatches
}

// add puts a record into the batch.
func (b *batcher) add(ctx context.Context, next *record) error {
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

// putOff keeps tracking for later.
func (b *batcher) putOff(next *record) error {
	if len(b.deferred) >= maxSources {
		return fmt.Errorf("more than %d tracking sources of the source are missing in the store: import into an empty directory", maxSources)
	}
	b.deferred[next.Tracking.Source] = *next
	return nil
}

// addDeferred adds the tracking that was put off.
func (b *batcher) addDeferred() {
	for _, next := range b.deferred {
		b.batch = append(b.batch, next)
	}
	clear(b.deferred)
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
	b.batch, b.bytes = make([]record, 0, len(b.batch)), 0
	return nil
}

// writeBatches restores batches, and gives how many of their records are tracking on
// no event. It goes on when the reading has failed: what was read before that is
// sound.
func writeBatches(ctx context.Context, to *store.Store, batches <-chan []record) (tracking uint64, err error) {
	var events []dcb.SequencedEvent
	for batch := range batches {
		events = events[:0]
		alone := uint64(0)
		for i := range batch {
			events = append(events, batch[i].SequencedEvent)
			if batch[i].Position == 0 {
				alone++
			}
		}
		if err := to.Restore(ctx, events); err != nil {
			return tracking, locate(ctx, to, batch, err)
		}
		tracking += alone
	}
	return tracking, nil
}

// locate says which record of a batch it is that takes tracking back, if that is
// why the batch was refused.
func locate(ctx context.Context, to *store.Store, batch []record, err error) error {
	if !errors.Is(err, dcb.ErrIntegrity) {
		return err
	}
	last := map[string]uint64{}
	for i := range batch {
		info := batch[i].Tracking
		if info == nil {
			continue
		}
		if _, again := last[info.Source]; !again {
			recorded, _, err := to.GetTrackingInfo(ctx, info.Source)
			if err != nil {
				return err
			}
			last[info.Source] = recorded // 0 if there is none: nothing goes back from that
		}
		if info.Position < last[info.Source] {
			return mixed("%s takes the tracking source %q from %d back to %d", batch[i].place(), info.Source, last[info.Source], info.Position)
		}
		last[info.Source] = info.Position
	}
	return err
}
