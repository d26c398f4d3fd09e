package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/umadb-go/umadb/dcb"
)

const (
	// benchType is the type of all events of bench.
	benchType = "umadb-bench"
	// benchConnections is the number of connections of what --connections does not concern.
	benchConnections = 16
	// benchBatch is the number of events in a large append, and benchPerTag the number of
	// those appends whose events have the same tags.
	benchBatch  = 100
	benchPerTag = 10
)

// benchmark measures a store.
type benchmark struct {
	stores   []dcb.EventStore // one for each caller
	tag      string           // of all events of this run
	data     []byte
	duration time.Duration
	writers  []*benchWriter
	progress *progress
	waited   time.Duration
	total    time.Duration
}

func newBenchmark(stores []dcb.EventStore, o *benchOptions) *benchmark {
	return &benchmark{
		stores: stores,
		// Random text of 26 characters.
		tag:      benchType + ":" + strings.ToLower(rand.Text()),
		data:     []byte(strings.Repeat("x", o.data)),
		duration: o.duration,
	}
}

// appended returns the number of events that have been appended.
func (b *benchmark) appended() (events uint64) {
	for _, w := range b.writers {
		events += w.appended.Load()
	}
	return events
}

// benchCall makes one call. It calls count with the number of what it received or appended.
type benchCall func(ctx context.Context, count func(n int)) error

// benchResult is a measurement.
type benchResult struct {
	Name        string   `json:"name"`
	Connections int      `json:"connections"`
	Seconds     float64  `json:"seconds"`
	Unit        string   `json:"unit"` // of Count: calls, reads or events
	Count       int64    `json:"count"`
	PerSecond   float64  `json:"per_second"`
	Calls       int      `json:"calls"` // that have ended in the time
	P50         *float64 `json:"p50_ms"`
	P99         *float64 `json:"p99_ms"`
	Max         *float64 `json:"max_ms"`
}

// run makes all measurements. Appends complete, so that the number of events is known; reads
// may take long.
func (b *benchmark) run(ctx context.Context, connections []int) (results []benchResult, err error) {
	var batches []*benchWriter
	type measurement struct {
		name, unit  string
		connections int
		reads       bool
		newCall     func(s dcb.EventStore) benchCall
	}
	all := []measurement{{"head", "calls", 1, false, newHeadCall}}
	for _, n := range connections {
		all = append(all, measurement{"append 1 event", "events", n, false, func(s dcb.EventStore) benchCall { return b.newWriter(s, 1).call }})
	}
	all = append(all,
		measurement{fmt.Sprintf("append %d events", benchBatch), "events", benchConnections, false, func(s dcb.EventStore) benchCall {
			w := b.newWriter(s, benchBatch)
			batches = append(batches, w)
			return w.call
		}},
		measurement{"append 1 event on condition", "events", benchConnections, false, func(s dcb.EventStore) benchCall {
			w := b.newWriter(s, 1)
			w.conditional = true
			return w.call
		}},
		measurement{"read by tag", "reads", benchConnections, true, func(s dcb.EventStore) benchCall { return newTagRead(s, batches) }},
		measurement{"read all", "events", 1, true, b.newRunRead},
	)
	b.total = time.Duration(len(all)) * (b.warmup() + b.duration)
	for _, m := range all {
		var calls []benchCall
		for _, s := range b.stores[:m.connections] {
			calls = append(calls, m.newCall(s))
		}
		result, err := b.measure(ctx, calls, m.reads)
		if err != nil {
			return nil, err
		}
		result.Name, result.Unit, result.Connections = m.name, m.unit, m.connections
		results = append(results, result)
	}
	return results, nil
}

func (b *benchmark) warmup() time.Duration { return b.duration / 4 }

// measure makes calls at the same time, each again when it has returned, and measures
// them after a warm-up. Calls that are in progress at the end are cancelled or completed.
func (b *benchmark) measure(ctx context.Context, calls []benchCall, cancels bool) (r benchResult, err error) {
	var counted atomic.Int64
	var recording, stopping atomic.Bool
	latencies := make([][]time.Duration, len(calls))
	group, ctx := errgroup.WithContext(ctx)
	calling, cancel := context.WithCancel(ctx)
	defer cancel()
	for i, call := range calls {
		group.Go(func() error {
			for again := true; again; again = !stopping.Load() {
				began := time.Now()
				err := call(calling, func(n int) { counted.Add(int64(n)) })
				switch {
				case err != nil && calling.Err() != nil && ctx.Err() == nil:
					return nil // it was cancelled
				case err != nil:
					return err
				case recording.Load():
					latencies[i] = append(latencies[i], time.Since(began))
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		if err := b.wait(ctx, b.warmup()); err != nil {
			return err
		}
		began, before := time.Now(), counted.Load()
		recording.Store(true)
		if err := b.wait(ctx, b.duration); err != nil {
			return err
		}
		recording.Store(false)
		r.Seconds, r.Count = time.Since(began).Seconds(), counted.Load()-before
		stopping.Store(true)
		if cancels {
			cancel()
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return r, err
	}
	r.PerSecond = float64(r.Count) / r.Seconds
	r.setLatencies(slices.Sorted(slices.Values(slices.Concat(latencies...))))
	return r, nil
}

// setLatencies sets the latencies from ascending ones, if there are any.
func (r *benchResult) setLatencies(ascending []time.Duration) {
	r.Calls = len(ascending)
	if r.Calls == 0 {
		return
	}
	percentile := func(p float64) *float64 {
		rank := int(math.Ceil(p / 100 * float64(r.Calls)))
		ms := float64(ascending[max(rank, 1)-1]) / float64(time.Millisecond)
		return &ms
	}
	r.P50, r.P99, r.Max = percentile(50), percentile(99), percentile(100)
}

// wait waits and shows the progress.
func (b *benchmark) wait(ctx context.Context, d time.Duration) error {
	ended := time.NewTimer(d)
	defer ended.Stop()
	tick := time.NewTicker(barEvery)
	defer tick.Stop()
	began := time.Now()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ended.C:
			b.waited += d
			return nil
		case now := <-tick.C:
			b.progress.show(uint64((b.waited + now.Sub(began)).Milliseconds()), uint64(b.total.Milliseconds()))
		}
	}
}

func newHeadCall(s dcb.EventStore) benchCall {
	return func(ctx context.Context, count func(int)) error {
		_, err := s.Head(ctx)
		if err == nil {
			count(1)
		}
		return err
	}
}

// benchWriter appends events on a connection.
type benchWriter struct {
	*benchmark
	store       dcb.EventStore
	name        string // its part of the tags
	events      []dcb.Event
	conditional bool
	head        uint64 // the position that the last append returned
	calls       int
	appended    atomic.Uint64
}

func (b *benchmark) newWriter(s dcb.EventStore, events int) *benchWriter {
	w := &benchWriter{benchmark: b, store: s, name: fmt.Sprintf("%s:%d", b.tag, len(b.writers)), events: make([]dcb.Event, events)}
	b.writers = append(b.writers, w)
	return w
}

// tagOf returns the tag of the events with a number in benchPerTag successive calls.
func (w *benchWriter) tagOf(call, event int) string {
	return fmt.Sprintf("%s:%d", w.name, call/benchPerTag*len(w.events)+event)
}

func (w *benchWriter) call(ctx context.Context, count func(int)) error {
	for i := range w.events {
		w.events[i] = dcb.Event{Type: benchType, Tags: []string{w.tag, w.tagOf(w.calls, i)}, Data: w.data, UUID: uuid.NewString()}
	}
	var condition *dcb.AppendCondition
	if w.conditional {
		fresh := fmt.Sprintf("%s:condition:%d", w.name, w.calls)
		w.events[0].Tags = append(w.events[0].Tags, fresh)
		condition = &dcb.AppendCondition{FailIfEventsMatch: queryOfTag(fresh), After: w.head}
	}
	head, err := w.store.Append(ctx, w.events, condition, nil)
	if err != nil {
		return err
	}
	w.head = head
	w.calls++
	w.appended.Add(uint64(len(w.events)))
	count(len(w.events))
	return nil
}

func queryOfTag(tag string) dcb.Query {
	return dcb.Query{Items: []dcb.QueryItem{{Types: []string{benchType}, Tags: []string{tag}}}}
}

// newTagRead returns a call that reads the events with a random tag of the writers.
func newTagRead(s dcb.EventStore, writers []*benchWriter) benchCall {
	return func(ctx context.Context, count func(int)) error {
		w := writers[mathrand.IntN(len(writers))]
		call := mathrand.IntN(w.calls)
		first := call - call%benchPerTag
		query := queryOfTag(w.tagOf(call, mathrand.IntN(len(w.events))))
		if err := readCounted(ctx, s, query, uint64(min(benchPerTag, w.calls-first)), func(int) {}); err != nil {
			return err
		}
		count(1)
		return nil
	}
}

// newRunRead returns a call that reads all events of the run.
func (b *benchmark) newRunRead(s dcb.EventStore) benchCall {
	return func(ctx context.Context, count func(int)) error {
		return readCounted(ctx, s, queryOfTag(b.tag), b.appended(), count)
	}
}

// readCounted reads what a query selects, and fails if their number is not the expected one.
func readCounted(ctx context.Context, s dcb.EventStore, query dcb.Query, want uint64, count func(int)) error {
	response := s.Read(ctx, query, dcb.ReadOptions{})
	defer response.Close()
	var events uint64
	for {
		batch, err := response.NextBatch()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		events += uint64(len(batch))
		count(len(batch))
	}
	if events != want {
		return fmt.Errorf("a read returned %d events, but %d have been appended", events, want)
	}
	return nil
}
