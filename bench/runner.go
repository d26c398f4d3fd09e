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
	preloadTimeout = 5 * time.Minute
	// graceTimeout is how long calls in progress may take after the window.
	graceTimeout = time.Minute
)

// runner measures every workload on every server in turn, in rounds, so that
// changes of the machine during the run affect all servers.
type runner struct {
	options
	dir      string // for stores and the output of servers
	servers  []server
	progress io.Writer
	flames   *flames // nil if none are drawn

	stored map[string]bool // preloaded stores that no workload changes
}

// run returns a row for each measurement, including failed ones. It fails only if
// ctx is done.
func (r *runner) run(ctx context.Context) ([]row, error) {
	r.stored = map[string]bool{}
	var rows []row
	for round := range r.rounds {
		for _, w := range r.workloads() {
			for _, s := range r.servers {
				got := row{Group: w.group.title, Workload: w.name, Series: w.series, Connections: w.connections, Server: s.Name, Round: round + 1}
				err := r.measure(ctx, s, w, &got)
				if ctx.Err() != nil {
					return nil, context.Cause(ctx)
				}
				switch {
				case errors.Is(err, errUnsupported):
					got.Unsupported = oneLine(err)
				case err != nil:
					got.Error = oneLine(err)
				}
				rows = append(rows, got)
				r.report(w.group, got)
			}
		}
	}
	return rows, nil
}

func (r *runner) report(g *group, got row) {
	line := fmt.Sprintf("round %d of %d: %s, %s: %s: ", got.Round, r.rounds, got.Group, got.Workload, got.Server)
	switch {
	case got.Error != "":
		fmt.Fprintln(r.progress, line+"FAILED: "+got.Error)
		return
	case got.Unsupported != "":
		fmt.Fprintln(r.progress, line+got.Unsupported)
		return
	}
	fmt.Fprintf(r.progress, "%s%s %s/s, p50 %s ms, p99 %s ms\n", line,
		thousands(got.rate()), g.unit, significant(got.P50Millis), significant(got.P99Millis))
}

// measure starts a server, runs a workload on it, and stops it.
func (r *runner) measure(ctx context.Context, s server, w workload, got *row) error {
	if w.python != nil {
		if err := w.python.supports(s.kind); err != nil {
			return err
		}
	}
	store := filepath.Join(r.dir, s.Name)
	if w.group.preloaded && !w.group.writes {
		store += "-preloaded"
	} else {
		defer os.RemoveAll(store)
	}
	if w.group.preloaded && !r.stored[store] {
		if err := r.preload(ctx, s, store); err != nil {
			return fmt.Errorf("preloading: %w", err)
		}
		r.stored[store] = !w.group.writes
	}
	settle()
	began := time.Now()
	p, err := startServer(ctx, s, store)
	if err != nil {
		return err
	}
	got.StartSeconds = time.Since(began).Seconds()
	err = r.runLoad(ctx, p, w, got)
	if err := errors.Join(err, p.stop()); err != nil {
		return err
	}
	got.DiskBytes, err = diskUsage(store)
	return err
}

// preload creates a store with events.
func (r *runner) preload(ctx context.Context, s server, store string) error {
	ctx, cancel := context.WithTimeout(ctx, preloadTimeout)
	defer cancel()
	os.RemoveAll(store) // of a failed attempt
	p, err := startServer(ctx, s, store)
	if err != nil {
		return err
	}
	clients, err := dial(ctx, p, 1, 1, r.dataBytes)
	if err == nil {
		err = preload(ctx, clients[0], &r.options)
		closeAll(clients)
	}
	return errors.Join(err, p.stop())
}

// runLoad measures a workload on a running server.
func (r *runner) runLoad(ctx context.Context, p *process, w workload, got *row) error {
	ctx, cancel := context.WithTimeout(ctx, r.warmup+r.duration+graceTimeout)
	defer cancel()
	clients, err := w.dial(ctx, p, r.dataBytes)
	if err != nil {
		return err
	}
	defer closeAll(clients)
	draw, err := r.flames.record(ctx, p.PID(), filepath.Join(r.dir, "samples"))
	if err != nil {
		return err
	}
	seen, err := w.apply(ctx, &r.options, p, clients)
	if err := errors.Join(err, draw(got.Server+": "+w.group.title+", "+w.name)); err != nil {
		return err
	}
	got.figures = figuresOf(seen, w.group)
	if got.PeakBytes, err = peakMemory(p.PID()); err != nil {
		return err
	}
	return r.checkStored(ctx, clients[0], w.group, seen, got)
}

// apply applies a load to a running server, and returns the measurements of the window.
func (o *options) apply(ctx context.Context, p *process, l *load) (window, error) {
	return l.run(ctx, o.warmup, o.duration, func() (cpu, error) {
		server, err := cpuTime(p.PID())
		if p.PID() == os.Getpid() {
			return cpu{server, 0}, err
		}
		client, err2 := cpuTimeOf(os.Getpid()) // without the server, which is its child
		return cpu{server, client}, errors.Join(err, err2)
	})
}

// checkStored verifies that the store contains exactly the acknowledged events.
func (r *runner) checkStored(ctx context.Context, c client, g *group, seen window, got *row) error {
	expected := seen.appended
	if g.preloaded {
		expected += int64(r.options.preload)
	}
	events, err := c.stored(ctx)
	if err == nil && events != expected {
		err = fmt.Errorf("the store contains %d events, want %d", events, expected)
	}
	got.StoredEvents = expected
	return err
}
