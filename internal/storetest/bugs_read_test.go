package storetest_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/storetest"
)

type readFunc func(*storetest.Naive, reading) *dcb.ReadResponse

type batchFunc func(batch []dcb.SequencedEvent, head uint64) ([]dcb.SequencedEvent, uint64)

// eachBatch reads and changes each batch. If nothing matches there is one empty
// batch.
func eachBatch(r reading, n *storetest.Naive, change batchFunc) *dcb.ReadResponse {
	response := r.from(n)
	first := true
	return dcb.NewReadResponse(func() ([]dcb.SequencedEvent, uint64, error) {
		if _, err := response.Head(); err != nil {
			return nil, 0, err
		}
		batch, err := response.NextBatch()
		if err != nil && !(first && errors.Is(err, io.EOF)) {
			return nil, 0, err
		}
		first = false
		head, _ := response.Head()
		batch, head = change(batch, head)
		return batch, head, nil
	}, response.Close)
}

// eachRead returns a readFunc that changes each event.
func eachRead(change func(*dcb.SequencedEvent)) readFunc {
	return func(n *storetest.Naive, r reading) *dcb.ReadResponse {
		return eachBatch(r, n, func(batch []dcb.SequencedEvent, head uint64) ([]dcb.SequencedEvent, uint64) {
			for i := range batch {
				change(&batch[i])
			}
			return batch, head
		})
	}
}

// withBatches returns a store that changes the batches of reads.
func withBatches(change batchFunc) broken {
	return broken{read: func(n *storetest.Naive, r reading) *dcb.ReadResponse { return eachBatch(r, n, change) }}
}

// withHead returns a store that changes the head of reads. change is passed the
// read, the events of the batch, the head of the read and the head of the store.
func withHead(change func(r reading, batch []dcb.SequencedEvent, head, store uint64) uint64) broken {
	return broken{read: func(n *storetest.Naive, r reading) *dcb.ReadResponse {
		return eachBatch(r, n, func(batch []dcb.SequencedEvent, head uint64) ([]dcb.SequencedEvent, uint64) {
			store, _ := n.Head(context.Background())
			return batch, change(r, batch, head, store)
		})
	}}
}

// withOptions returns a store that changes the options of reads.
func withOptions(change func(n *storetest.Naive, options *dcb.ReadOptions)) broken {
	return broken{read: func(n *storetest.Naive, r reading) *dcb.ReadResponse {
		change(n, &r.options)
		return r.from(n)
	}}
}

// inBatches returns a store that splits batches differently. length returns the
// number of events of the next batch.
func inBatches(length func([]dcb.SequencedEvent) int) broken {
	return broken{read: func(n *storetest.Naive, r reading) *dcb.ReadResponse {
		events, head, err := r.from(n).Collect()
		return dcb.NewReadResponse(func() ([]dcb.SequencedEvent, uint64, error) {
			if err != nil || len(events) == 0 {
				return nil, 0, cmp.Or(err, io.EOF)
			}
			n := length(events)
			batch := events[:n]
			events = events[n:]
			return batch, head, nil
		}, func() {})
	}}
}

var readBugs = []bug{
	{"start is exclusive forwards", withOptions(func(_ *storetest.Naive, o *dcb.ReadOptions) {
		if o.Start != nil && !o.Backwards {
			o.Start = new(*o.Start + 1)
		}
	}), []string{
		"reading/start is inclusive forwards",
		"reading/start past the head forwards returns no events",
		"batches/start and limit apply across batches",
		"positions/appended events can be read at once",
		"queries/a type",
	}},
	{"start is exclusive backwards", withOptions(func(_ *storetest.Naive, o *dcb.ReadOptions) {
		if o.Start != nil && o.Backwards && *o.Start > 0 {
			o.Start = new(*o.Start - 1)
		}
	}), []string{"reading/start is inclusive backwards", "reading/limit is the maximum number of events", "batches/start and limit apply across batches"}},
	{"start 0 forwards is past the end", withOptions(func(_ *storetest.Naive, o *dcb.ReadOptions) {
		if o.Start != nil && *o.Start == 0 {
			o.Start = new(^uint64(0))
		}
	}), []string{"reading/start 0 forwards reads from the first event", "reading/start 0 backwards returns no events"}},
	{"start 0 is not set", withOptions(func(_ *storetest.Naive, o *dcb.ReadOptions) {
		if o.Start != nil && *o.Start == 0 {
			o.Start = nil
		}
	}), []string{"reading/start 0 backwards returns no events"}},
	{"start past the head returns nothing", withOptions(func(n *storetest.Naive, o *dcb.ReadOptions) {
		if head, _ := n.Head(context.Background()); o.Start != nil && *o.Start > head {
			o.Limit = new(uint32(0))
		}
	}), []string{"reading/start past the head backwards reads from the head", "reading/head is the head of the store when nothing matches"}},
	{"start past the head is the head", withOptions(func(n *storetest.Naive, o *dcb.ReadOptions) {
		if head, _ := n.Head(context.Background()); o.Start != nil {
			o.Start = new(min(*o.Start, head))
		}
	}), []string{"reading/start past the head forwards returns no events"}},
	{"start must match", broken{read: func(n *storetest.Naive, r reading) *dcb.ReadResponse {
		if s := r.options.Start; s != nil {
			at, _, _ := n.Read(r.ctx, r.query, dcb.ReadOptions{Start: s, Limit: new(uint32(1))}).Collect()
			if len(at) == 0 || at[0].Position != *s {
				r.options.Start = nil
			}
		}
		return r.from(n)
	}}, []string{"reading/start may be an event that does not match"}},
	{"backwards is forwards", withOptions(func(_ *storetest.Naive, o *dcb.ReadOptions) { o.Backwards = false }), []string{
		"reading/a backwards read without start begins at the last event",
		"batches/many batches backwards return every event unchanged",
		"batches/many batches return only matching events",
	}},
	{"forwards is backwards", withOptions(func(_ *storetest.Naive, o *dcb.ReadOptions) { o.Backwards = true }), []string{
		"reading/a read without start begins at the first event",
		"reading/a read may end early",
		"batches/many batches forwards return every event unchanged",
	}},
	{"limit is one too high", withOptions(func(_ *storetest.Naive, o *dcb.ReadOptions) {
		if o.Limit != nil {
			o.Limit = new(*o.Limit + 1)
		}
	}), []string{
		"reading/limit is the maximum number of events",
		"reading/limit may exceed the number of events",
		"reading/limit 0 returns no events and no head",
		"batches/start and limit apply across batches",
	}},
	{"limit counts all events", broken{read: func(n *storetest.Naive, r reading) *dcb.ReadResponse {
		window, _, _ := n.Read(r.ctx, dcb.Query{}, r.options).Collect()
		return eachBatch(r, n, func(batch []dcb.SequencedEvent, head uint64) ([]dcb.SequencedEvent, uint64) {
			return slices.DeleteFunc(batch, func(e dcb.SequencedEvent) bool {
				return !slices.ContainsFunc(window, func(w dcb.SequencedEvent) bool { return w.Position == e.Position })
			}), head
		})
	}}, []string{"reading/limit counts matching events"}},
	{"limit 0 is no limit", withOptions(func(_ *storetest.Naive, o *dcb.ReadOptions) {
		if o.Limit != nil && *o.Limit == 0 {
			o.Limit = nil
		}
	}), []string{"reading/limit 0 returns no events and no head"}},
	{"head is the last event read", withHead(func(_ reading, batch []dcb.SequencedEvent, _, _ uint64) uint64 {
		if len(batch) == 0 {
			return 0
		}
		return batch[len(batch)-1].Position
	}), []string{
		"reading/head is the head of the store",
		"reading/head is the head of the store when nothing matches",
		"reading/head does not change during a read",
		"reading/concurrent reads see whole appends in order",
	}},
	{"head is always the head of the store", withHead(func(_ reading, _ []dcb.SequencedEvent, _, store uint64) uint64 { return store }), []string{
		"reading/with a limit, head is the last event read",
		"reading/with a limit, there is no head when nothing matches",
		"reading/limit 0 returns no events and no head",
		"batches/a read of many batches sees one snapshot",
		"batches/with a limit, the head is the last event of the batch",
	}},
	{"a read of an empty store returns a head", withHead(func(_ reading, _ []dcb.SequencedEvent, head, _ uint64) uint64 { return max(head, 1) }), []string{
		"reading/an empty store returns no events and no head",
		"reading/with a limit, there is no head when nothing matches",
	}},
	{"a read sees concurrent appends", broken{read: seesConcurrentAppends}, []string{
		"reading/a read does not see events appended after it started",
		"batches/a read of many batches sees one snapshot",
	}},
	{"the newest event is missing", withOptions(func(n *storetest.Naive, o *dcb.ReadOptions) {
		if head, _ := n.Head(context.Background()); o.Backwards && o.Start == nil && head > 0 {
			o.Start = new(head - 1)
		}
	}), []string{
		"reading/a backwards read without start begins at the last event",
		"reading/concurrent reads see whole appends in order",
	}},
	{"an event is lost between batches", withBatches(func(batch []dcb.SequencedEvent, head uint64) ([]dcb.SequencedEvent, uint64) {
		return batch[:min(len(batch), 1023)], head
	}), []string{
		"batches/many batches forwards return every event unchanged",
		"batches/many batches backwards return every event unchanged",
		"batches/many batches return only matching events",
		"batches/a batch is 1024 events",
		"limits/65536 events are accepted",
		"reading/a read may end early",
		"queries/many items are alternatives",
	}},
	{"batches of 1000 events", inBatches(func(events []dcb.SequencedEvent) int { return min(len(events), 1000) }), []string{
		"batches/a batch is 1024 events",
		"batches/a batch is limited to about 256 KiB",
		"batches/a large event has a batch of its own",
	}},
	{"a batch for each event", inBatches(func([]dcb.SequencedEvent) int { return 1 }), []string{
		"batches/a batch is 1024 events",
		"batches/a batch is limited to about 256 KiB",
	}},
	{"a cancelled read looks complete", broken{read: func(n *storetest.Naive, r reading) *dcb.ReadResponse {
		response := r.from(n)
		return dcb.NewReadResponse(func() ([]dcb.SequencedEvent, uint64, error) {
			batch, err := response.NextBatch()
			if r.ctx.Err() != nil {
				err = io.EOF
			}
			return batch, 0, err
		}, func() {})
	}}, []string{"contexts/a cancelled read never looks complete", "contexts/a call with a cancelled context does nothing"}},
	{"tags are returned sorted", broken{read: eachRead(func(e *dcb.SequencedEvent) { slices.Sort(e.Event.Tags) })}, []string{
		"events/an event is returned as it was sent",
		"events/tags may repeat and keep their order",
	}},
	{"repeated tags are returned once", broken{read: eachRead(func(e *dcb.SequencedEvent) { e.Event.Tags = slices.Compact(e.Event.Tags) })}, []string{
		"events/tags may repeat and keep their order",
	}},
	{"empty text is lost", broken{read: eachRead(dropEmpty)}, []string{"events/a tag may be empty", "events/metadata may be empty text"}},
	{"empty fields get a value", broken{read: eachRead(func(e *dcb.SequencedEvent) {
		if e.Event.Type == "" {
			e.Event.Type = "none"
		}
		if len(e.Event.Data) == 0 {
			e.Event.Data = []byte("{}")
		}
	})}, []string{"events/an event may be empty", "events/a type may be empty", "events/data may be empty"}},
	{"data is text", broken{read: eachRead(func(e *dcb.SequencedEvent) { e.Event.Data = []byte(string([]rune(string(e.Event.Data)))) })}, []string{
		"events/data is any bytes",
	}},
	{"text is printable", broken{read: eachRead(func(e *dcb.SequencedEvent) { e.Event.Type = printable(e.Event.Type) })}, []string{"events/text is any UTF-8"}},
	{"metadata is a set of values", broken{read: eachRead(func(e *dcb.SequencedEvent) {
		e.Event.Metadata = slices.CompactFunc(e.Event.Metadata, func(a, b dcb.Metadata) bool { return a.Value == b.Value })
	})}, []string{"events/metadata values may repeat"}},
	{"the nil UUID is not a UUID", broken{read: eachRead(func(e *dcb.SequencedEvent) {
		if e.Event.UUID == "00000000-0000-0000-0000-000000000000" {
			e.Event.UUID = ""
		}
	})}, []string{"events/the nil UUID is a UUID"}},
	{"UUIDs are upper case", broken{read: eachRead(func(e *dcb.SequencedEvent) { e.Event.UUID = upper(e.Event.UUID) })}, []string{
		"events/a UUID of any form is returned in lower case with hyphens",
		"events/an event is returned as it was sent",
	}},
	{"an invalid query matches nothing", broken{read: func(n *storetest.Naive, r reading) *dcb.ReadResponse {
		if _, err := r.from(n).Head(); errors.Is(err, dcb.ErrInvalidArgument) {
			return dcb.NewReadResponse(func() ([]dcb.SequencedEvent, uint64, error) { return nil, 0, io.EOF }, func() {})
		}
		return r.from(n)
	}}, []string{"errors/an invalid query is an invalid argument", "limits/more terms in a query are refused"}},
}

// seesConcurrentAppends reads in batches, each from a new snapshot.
func seesConcurrentAppends(n *storetest.Naive, r reading) *dcb.ReadResponse {
	if r.options.Backwards || r.options.Limit != nil {
		return r.from(n)
	}
	start, first := uint64(1), true
	return dcb.NewReadResponse(func() ([]dcb.SequencedEvent, uint64, error) {
		events, head, err := n.Read(r.ctx, r.query, dcb.ReadOptions{Start: &start}).Collect()
		if err == nil && len(events) == 0 && !first {
			err = io.EOF
		}
		first = false
		batch := events[:min(len(events), 2)]
		if len(batch) > 0 {
			start = batch[len(batch)-1].Position + 1
		}
		return batch, head, err
	}, func() {})
}

func dropEmpty(e *dcb.SequencedEvent) {
	e.Event.Tags = slices.DeleteFunc(e.Event.Tags, func(tag string) bool { return tag == "" })
	e.Event.Metadata = slices.DeleteFunc(e.Event.Metadata, func(m dcb.Metadata) bool { return m.Key == "" || m.Value == "" })
}
