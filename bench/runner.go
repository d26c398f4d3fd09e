package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	preloadTimeout = 5 * time.Minute
	// graceTimeout is what calls under way may take beyond the window.
	graceTimeout = time.Minute
)

// runner measures every workload on every server in turn, round after round,
// so that what changes on the machine meanwhile touches all servers alike.
type runner struct {
	options
	dir      string // for stores and what servers print
	servers  []server
	progress io.Writer

	stored map[string]bool // servers whose preloaded store is there
}

// run returns a row for each measurement, failed ones included. Its error is
// that of being interrupted, or of the disk.
func (r *runner) run(ctx context.Context) ([]row, error) {
	r.stored = map[string]bool{}
	var rows []row
	for round := range r.rounds {
		for _, w := range r.workloads() {
			for _, s := range r.servers {
				got := row{Group: w.group.title, Workload: w.name, Connections: w.connections, Server: s.Name, Round: round + 1}
				err := r.measure(ctx, s, w, &got)
				if ctx.Err() != nil {
					return nil, context.Cause(ctx)
				}
				if err != nil {
					got.Error = strings.Join(strings.Fields(withoutPaths(err.Error())), " ")
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
	if got.Error != "" {
		fmt.Fprintln(r.progress, line+"FAILED: "+got.Error)
		return
	}
	fmt.Fprintf(r.progress, "%s%s %s/s, p50 %s ms, p99 %s ms\n", line,
		thousands(got.rate()), g.unit, significant(got.P50Millis), significant(got.P99Millis))
}

// measure runs one workload on one server, from start to stop.
func (r *runner) measure(ctx context.Context, s server, w workload, got *row) error {
	store := filepath.Join(r.dir, s.Name)
	if w.group.preloaded {
		store += "-preloaded"
		if err := r.preload(ctx, s, store); err != nil {
			return fmt.Errorf("preloading: %w", err)
		}
	} else {
		defer os.RemoveAll(store)
	}
	settle()
	began := time.Now()
	p, err := startServer(ctx, s, store)
	if err != nil {
		return err
	}
	got.StartSeconds = time.Since(began).Seconds()
	err = r.underLoad(ctx, p, w, got)
	if err := errors.Join(err, p.stop()); err != nil {
		return err
	}
	got.DiskBytes, err = diskUsage(store)
	return err
}

// preload makes a server's store for the reading workloads, once.
func (r *runner) preload(ctx context.Context, s server, store string) error {
	if r.stored[s.Name] {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, preloadTimeout)
	defer cancel()
	os.RemoveAll(store) // of an attempt that failed
	p, err := startServer(ctx, s, store)
	if err != nil {
		return err
	}
	clients, err := dial(ctx, p.address, 1)
	if err == nil {
		err = preload(ctx, clients[0], &r.options)
		hangUp(clients)
	}
	err = errors.Join(err, p.stop())
	r.stored[s.Name] = err == nil
	return err
}

// underLoad measures a running server.
func (r *runner) underLoad(ctx context.Context, p *process, w workload, got *row) error {
	ctx, cancel := context.WithTimeout(ctx, r.warmup+r.duration+graceTimeout)
	defer cancel()
	clients, err := dial(ctx, p.address, w.connections)
	if err != nil {
		return err
	}
	defer hangUp(clients)
	l := load{}
	for number, c := range clients {
		l.callers = append(l.callers, w.newCaller(c, number))
	}
	seen, err := l.run(ctx, r.warmup, r.duration, func() (cpu, error) {
		server, err := cpuTime(p.cmd.Process.Pid)
		client, err2 := cpuTime(os.Getpid())
		return cpu{server, client}, errors.Join(err, err2)
	})
	if err != nil {
		return err
	}
	got.take(seen, w.group)
	if got.PeakBytes, err = peakMemory(p.cmd.Process.Pid); err != nil {
		return err
	}
	return r.checkHead(ctx, clients[0], w.group, seen, got)
}

// checkHead makes sure that the store holds what was acknowledged, all of it
// and no more.
func (r *runner) checkHead(ctx context.Context, c client, g *group, seen window, got *row) error {
	expected := seen.total
	if g.preloaded {
		expected = int64(r.options.preload)
	}
	head, err := c.head(ctx)
	if err == nil && int64(head) != expected {
		err = fmt.Errorf("the head is %d after %d events", head, expected)
	}
	got.StoredEvents = expected
	return err
}
