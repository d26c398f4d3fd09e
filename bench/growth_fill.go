package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// fillConnections is the number of connections that fill a store.
	fillConnections = 4
	// A step is filled in parts, which are points of a curve: at most so many, each of at
	// least so many events.
	mostParts    = 50
	smallestPart = 100_000

	partTimeout = time.Hour
)

// fillPart is a part of a fill.
type fillPart struct {
	Events    int64   `json:"events"` // in the store at the end of the part
	Appended  int64   `json:"appended"`
	Seconds   float64 `json:"seconds"`
	P50Millis float64 `json:"p50_ms"` // of an append of maxPreloadBatch events
	P99Millis float64 `json:"p99_ms"`
	MaxMillis float64 `json:"max_ms"`
}

func (p *fillPart) rate() float64 { return divide(float64(p.Appended), p.Seconds) }

// fillTo appends events until the store has a size, or a few less so that each customer
// has perTag events.
func (g *grower) fillTo(ctx context.Context, s *growing, size int64, step *growthStep) error {
	count := size - s.events
	count -= count % int64(g.perTag)
	if count <= 0 {
		return nil
	}
	part := max(smallestPart, (count+mostParts-1)/mostParts)
	return g.withClients(ctx, s, fillConnections, func(p *process, clients []client) error {
		f := filler{clients: clients, first: s.filled, customers: count / int64(g.perTag), perTag: int64(g.perTag)}
		for f.done < count {
			got, err := f.fill(ctx, min(part, count-f.done))
			if err != nil {
				return err
			}
			s.events += got.Appended
			got.Events = s.events
			step.Fill = append(step.Fill, got)
			fmt.Fprintf(g.progress, "%s: %s of %s events, %s/s, slowest append of %d %s ms\n", s.Name, thousands(float64(s.events)),
				thousands(float64(g.growth[len(g.growth)-1])), thousands(got.rate()), maxPreloadBatch, significant(got.MaxMillis))
		}
		s.filled += count
		var err error
		if step.FillPeakBytes, err = peakMemory(p.PID()); err != nil {
			return err
		}
		return s.checkStored(ctx, clients[0])
	})
}

// filler fills a store. The events of a customer are as far apart as the fill is long.
type filler struct {
	clients   []client
	first     int64 // the number of the first event
	done      int64
	customers int64
	perTag    int64
}

// fill appends a number of events, in appends of maxPreloadBatch, on all clients.
func (f *filler) fill(ctx context.Context, count int64) (p fillPart, err error) {
	ctx, cancel := context.WithTimeout(ctx, partTimeout)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	var mu sync.Mutex
	var latencies []time.Duration
	began := time.Now()
	for _, c := range f.clients {
		group.Go(func() error {
			for {
				start := next.Add(maxPreloadBatch) - maxPreloadBatch
				if start >= count {
					return nil
				}
				events := f.events(f.done+start, min(maxPreloadBatch, count-start))
				sent := time.Now()
				if _, err := c.append(ctx, events, nil); err != nil {
					return err
				}
				taken := time.Since(sent)
				mu.Lock()
				latencies = append(latencies, taken)
				mu.Unlock()
			}
		})
	}
	if err := group.Wait(); err != nil {
		return p, err
	}
	f.done += count
	slices.Sort(latencies)
	return fillPart{
		Appended: count, Seconds: time.Since(began).Seconds(),
		P50Millis: millis(percentile(latencies, 50)),
		P99Millis: millis(percentile(latencies, 99)),
		MaxMillis: millis(percentile(latencies, 100)),
	}, nil
}

// events returns events of the fill, from one on.
func (f *filler) events(from, count int64) []event {
	events := make([]event, count)
	for i := range events {
		n := from + int64(i)
		events[i] = event{
			customer: uint64(f.first/f.perTag + n%f.customers), order: uint64(f.first + n),
			high: rand.Uint64(), low: rand.Uint64(),
		}
	}
	return events
}
