package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

const (
	// smallestGrowth is the size that greater ones are compared with.
	smallestGrowth = 100_000
	// growthConnections is the number of connections of appends and reads at each size.
	growthConnections = 16
	// firstAppended is the first customer of those appends; no fill reaches it.
	firstAppended = 1e10
)

// growthStep is what was measured when a store had reached a size.
type growthStep struct {
	Server string `json:"server"`
	Events int64  `json:"events"` // in the store, or a few less, before Appends

	// From the previous size to this one.
	Fill          []fillPart `json:"fill"`
	FillPeakBytes int64      `json:"fill_peak_rss_bytes"`

	// After the server was stopped.
	DiskBytes int64 `json:"disk_bytes"`

	// After it was started again.
	OpenSeconds    float64 `json:"open_s"` // until a call returned
	OpenedBytes    int64   `json:"opened_rss_bytes"`
	Reads          figures `json:"reads"`
	AfterReadBytes int64   `json:"after_reads_rss_bytes"`
	Appends        figures `json:"appends"`
	PeakBytes      int64   `json:"peak_rss_bytes"`

	Error string `json:"error,omitempty"`
}

// grower measures servers on stores that grow.
type grower struct {
	options
	dir      string // for the stores
	progress io.Writer
}

// growing is the store of a server.
type growing struct {
	server
	store  string
	filled int64 // events of fills, the customers of which have perTag events each
	events int64 // all events in it
	disk   int64 // its disk space
	steps  int
}

// grow fills a store to each size, and measures there. The last step has the error, if there
// is one. It fails only if ctx is done.
func (g *grower) grow(ctx context.Context, s server) ([]growthStep, error) {
	store := growing{server: s, store: filepath.Join(g.dir, s.Name)}
	defer os.RemoveAll(store.store)
	var steps []growthStep
	for _, size := range g.growth {
		step := growthStep{Server: s.Name, Events: int64(size)}
		err := g.step(ctx, &store, size, &step)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			step.Error = oneLine(err)
		}
		steps = append(steps, step)
		g.report(&step)
		if err != nil {
			break // the store may contain anything
		}
	}
	return steps, nil
}

func (g *grower) report(step *growthStep) {
	line := fmt.Sprintf("%s, %s events: ", step.Server, thousands(float64(step.Events)))
	if step.Error != "" {
		fmt.Fprintln(g.progress, line+"FAILED: "+step.Error)
		return
	}
	fmt.Fprintf(g.progress, "%s%s appends/s, p99 %s ms; %s reads/s, p99 %s ms; opened in %s s, then %s MiB\n", line,
		thousands(step.Appends.rate()), significant(step.Appends.P99Millis),
		thousands(step.Reads.rate()), significant(step.Reads.P99Millis),
		significant(step.OpenSeconds), mebibytes(float64(step.OpenedBytes)))
}

func (g *grower) step(ctx context.Context, s *growing, size int, step *growthStep) error {
	// Before the first event this checks for the whole growth.
	if err := g.checkSpace(s, g.growth[len(g.growth)-1]); err != nil {
		return err
	}
	if err := g.fillTo(ctx, s, int64(size), step); err != nil {
		return fmt.Errorf("filling: %w", err)
	}
	var err error
	if s.disk, err = diskUsage(s.store); err != nil {
		return err
	}
	step.DiskBytes = s.disk
	settle()
	return g.measure(ctx, s, step)
}

// checkSpace fails if the file system does not have the space for the store to reach a size.
func (g *grower) checkSpace(s *growing, size int) error {
	free, err := freeBytes(g.dir)
	if err != nil {
		return err
	}
	if needed := g.spaceNeeded(s, size); needed > free {
		return fmt.Errorf("growth to %s events needs about %s MiB of disk space, but %s MiB are free: choose smaller sizes with -growth, or another disk with -dir",
			thousands(float64(size)), mebibytes(float64(needed)), mebibytes(float64(free)))
	}
	return nil
}

// spaceNeeded returns the disk space for the store to reach a size, and for files that are
// rewritten meanwhile.
func (g *grower) spaceNeeded(s *growing, size int) int64 {
	const (
		besideData = 150       // bytes of an event and its index entries, without the data
		telling    = 1_000_000 // events, from which on preallocated space is a small part of the store
	)
	each := float64(g.dataBytes + besideData)
	if s.events >= telling {
		each = float64(s.disk) / float64(s.events)
	}
	return int64(1.1*each*float64(int64(size)-s.events)) + 1<<30
}

// measure starts the server again, and measures reads and appends.
func (g *grower) measure(ctx context.Context, s *growing, step *growthStep) error {
	began := time.Now()
	return g.withClients(ctx, s, 1, func(p *process, first []client) error {
		if err := s.checkStored(ctx, first[0]); err != nil {
			return err
		}
		step.OpenSeconds = time.Since(began).Seconds()
		return g.measureCalls(ctx, s, p, step)
	})
}

// withClients starts the server, connects clients to it, calls do, and stops it.
func (g *grower) withClients(ctx context.Context, s *growing, connections int, do func(*process, []client) error) error {
	p, err := startServer(ctx, s.server, s.store)
	if err != nil {
		return err
	}
	clients, err := dial(ctx, p, connections, 1, g.dataBytes)
	if err == nil {
		err = do(p, clients)
		closeAll(clients)
	}
	return errors.Join(err, p.stop())
}

func (g *grower) measureCalls(ctx context.Context, s *growing, p *process, step *growthStep) (err error) {
	if step.OpenedBytes, err = residentMemory(p.PID()); err != nil {
		return err
	}
	clients, err := dial(ctx, p, growthConnections, 1, g.dataBytes)
	if err != nil {
		return err
	}
	defer closeAll(clients)
	if step.Reads, err = g.measureLoad(ctx, s, p, lookups, g.readers(s, clients)); err != nil {
		return fmt.Errorf("reads: %w", err)
	}
	if step.AfterReadBytes, err = residentMemory(p.PID()); err != nil {
		return err
	}
	if step.Appends, err = g.measureLoad(ctx, s, p, appends, g.appenders(s, clients)); err != nil {
		return fmt.Errorf("appends: %w", err)
	}
	if step.PeakBytes, err = peakMemory(p.PID()); err != nil {
		return err
	}
	return s.checkStored(ctx, clients[0])
}

// measureLoad measures callers on the running server.
func (g *grower) measureLoad(ctx context.Context, s *growing, p *process, of *group, callers []caller) (figures, error) {
	ctx, cancel := context.WithTimeout(ctx, g.warmup+g.duration+graceTimeout)
	defer cancel()
	seen, err := g.apply(ctx, p, &load{callers: callers})
	s.events += seen.appended
	return figuresOf(seen, of), err
}

// readers returns callers that read all events of random customers of the fills.
func (g *grower) readers(s *growing, clients []client) (callers []caller) {
	o := g.options
	o.preload = int(s.filled)
	for number, c := range clients {
		callers = append(callers, newFinder(c, &o, number))
	}
	return callers
}

// appenders returns callers that append one event, each time others than before.
func (g *grower) appenders(s *growing, clients []client) (callers []caller) {
	for number, c := range clients {
		a := newAppender(c, &g.options, 1, s.steps*growthConnections+number)
		a.tags, a.firstCustomer = uint64(s.filled)/uint64(g.perTag), firstAppended
		callers = append(callers, a)
	}
	s.steps++
	return callers
}

// checkStored verifies that the store contains all acknowledged events.
func (s *growing) checkStored(ctx context.Context, c client) error {
	stored, err := c.stored(ctx)
	if err == nil && stored != s.events {
		err = fmt.Errorf("the store contains %d events, want %d", stored, s.events)
	}
	return err
}
