package storetest

import (
	"context"
	"io"
	"iter"
	"slices"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
)

// Read is EventStore.Read.
func (n *Naive) Read(ctx context.Context, query dcb.Query, options dcb.ReadOptions) *dcb.ReadResponse {
	started := false
	var batches [][]dcb.SequencedEvent
	var head uint64
	return dcb.NewReadResponse(func() ([]dcb.SequencedEvent, uint64, error) {
		err := n.usable(ctx)
		if err == nil && !started {
			started = true
			err = record.ValidateQuery(query, defaultLimits())
			batches, head = n.snapshot(query, options)
		}
		if err != nil {
			return nil, 0, err
		}
		if len(batches) == 0 {
			return nil, 0, io.EOF
		}
		batch := batches[0]
		batches = batches[1:]
		if options.Limit != nil {
			head = 0
			if len(batch) > 0 {
				head = batch[len(batch)-1].Position
			}
		}
		return batch, head, nil
	}, func() {})
}

// snapshot returns the batches of a read and the head of the store.
func (h *history) snapshot(query dcb.Query, options dcb.ReadOptions) ([][]dcb.SequencedEvent, uint64) {
	if options.Limit != nil && *options.Limit == 0 {
		return nil, 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var found []dcb.SequencedEvent
	for _, e := range h.events {
		before := options.Start != nil && e.Position < *options.Start
		after := options.Start != nil && e.Position > *options.Start
		outside := !options.Backwards && before || options.Backwards && after
		if !outside && query.Matches(e.Event.Type, e.Event.Tags) {
			found = append(found, clone(e))
		}
	}
	if options.Backwards {
		slices.Reverse(found)
	}
	if options.Limit != nil && len(found) > int(*options.Limit) {
		found = found[:*options.Limit]
	}
	return inBatches(found), uint64(len(h.events))
}

// inBatches splits events into batches by number and size. Without events it
// returns one empty batch.
func inBatches(events []dcb.SequencedEvent) [][]dcb.SequencedEvent {
	batches := [][]dcb.SequencedEvent{nil}
	size := 0
	for _, e := range events {
		last := len(batches) - 1
		bytes := len(record.AppendEvent(nil, &e.Event))
		full := len(batches[last]) == batchEvents || size+bytes > batchBytes
		if full && len(batches[last]) > 0 {
			batches = append(batches, nil)
			last, size = last+1, 0
		}
		batches[last] = append(batches[last], e)
		size += bytes
	}
	return batches
}

// Limits of a batch. A larger event has a batch of its own.
const (
	batchEvents = 1024
	batchBytes  = 256 << 10
)

// Subscribe is EventStore.Subscribe.
func (n *Naive) Subscribe(ctx context.Context, query dcb.Query, after uint64, options ...dcb.SubscribeOptions) iter.Seq2[dcb.SequencedEvent, error] {
	onProgress := record.OnProgress(options)
	return func(yield func(dcb.SequencedEvent, error) bool) {
		request := record.EncodeSubscribe(&record.SubscribeRequest{Query: query})
		if _, err := record.ParseSubscribe(request, defaultLimits()); err != nil {
			yield(dcb.SequencedEvent{}, err)
			return
		}
		for cursor := after; ; {
			found, head, grown := n.above(cursor, query)
			for _, e := range found {
				if n.usable(ctx) != nil {
					break
				}
				if !yield(e, nil) {
					return
				}
			}
			cursor = max(cursor, head)
			if onProgress != nil && n.usable(ctx) == nil {
				onProgress(dcb.Progress{Checked: cursor, Head: head})
			}
			select {
			case <-n.done.Done():
				return
			case <-ctx.Done():
				yield(dcb.SequencedEvent{}, ctx.Err())
				return
			case <-grown:
			}
		}
	}
}

// above returns the matching events above a position, the head, and a channel
// that is closed when there are more events.
func (h *history) above(position uint64, query dcb.Query) (found []dcb.SequencedEvent, head uint64, grown chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.events {
		if e.Position > position && query.Matches(e.Event.Type, e.Event.Tags) {
			found = append(found, clone(e))
		}
	}
	return found, uint64(len(h.events)), h.grown
}
