package main

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// caller makes calls on one connection. It counts events in the tally when they
// are acknowledged or received.
type caller interface {
	call(ctx context.Context, t *tally) error
}

// tally contains the results of one caller. latencies is owned by the caller's
// goroutine until the load has ended.
type tally struct {
	calls, events atomic.Int64
	latencies     []time.Duration
	_             [64]byte // so that two tallies do not share a cache line
}

func (t *tally) count(events int64) { t.events.Add(events) }

// load is a set of running callers, each with one call at a time. It is measured
// within a window; it starts before the window and ends after it.
type load struct {
	callers   []caller
	tallies   []tally
	recording atomic.Bool // whether calls that end now are in the window
	stopping  atomic.Bool
}

// cpu is CPU time used so far.
type cpu struct{ server, client time.Duration }

// moment contains the counters at the start or the end of the window.
type moment struct {
	at            time.Time
	calls, events int64
	cpu
}

// window contains the measurements of a window.
type window struct {
	elapsed       time.Duration
	calls, events int64
	cpu
	latencies []time.Duration // ascending
	total     int64           // events of all calls, also outside the window
}

// run applies the load during the warm-up and the window, waits for the last calls,
// and returns the measurements of the window. usage returns the CPU time used so far.
func (l *load) run(ctx context.Context, warmup, duration time.Duration, usage func() (cpu, error)) (w window, err error) {
	l.tallies = make([]tally, len(l.callers))
	group, ctx := errgroup.WithContext(ctx)
	for i, c := range l.callers {
		group.Go(func() error { return l.work(ctx, c, &l.tallies[i]) })
	}
	group.Go(func() error {
		defer l.stopping.Store(true)
		w, err = l.observe(ctx, warmup, duration, usage)
		return err
	})
	if err := group.Wait(); err != nil {
		return window{}, err
	}
	for i := range l.tallies {
		t := &l.tallies[i]
		w.total += t.events.Load()
		w.latencies = append(w.latencies, t.latencies...)
	}
	slices.Sort(w.latencies)
	return w, nil
}

func (l *load) work(ctx context.Context, c caller, t *tally) error {
	for !l.stopping.Load() {
		began := time.Now()
		if err := c.call(ctx, t); err != nil {
			return err
		}
		t.calls.Add(1)
		if l.recording.Load() {
			t.latencies = append(t.latencies, time.Since(began))
		}
	}
	return nil
}

func (l *load) observe(ctx context.Context, warmup, duration time.Duration, usage func() (cpu, error)) (window, error) {
	if err := sleep(ctx, warmup); err != nil {
		return window{}, err
	}
	before, err := l.look(usage)
	if err != nil {
		return window{}, err
	}
	l.recording.Store(true)
	if err := sleep(ctx, duration); err != nil {
		return window{}, err
	}
	l.recording.Store(false)
	after, err := l.look(usage)
	return window{
		elapsed: after.at.Sub(before.at),
		calls:   after.calls - before.calls,
		events:  after.events - before.events,
		cpu:     cpu{after.server - before.server, after.client - before.client},
	}, err
}

func (l *load) look(usage func() (cpu, error)) (m moment, err error) {
	m.at = time.Now()
	for i := range l.tallies {
		m.calls += l.tallies[i].calls.Load()
		m.events += l.tallies[i].events.Load()
	}
	m.cpu, err = usage()
	return m, err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
