package main

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// caller makes one call after the other, on one connection. It tells the tally
// of the events as they are acknowledged or come in.
type caller interface {
	call(ctx context.Context, t *tally) error
}

// tally is what one caller has done. Only latencies belong to its goroutine
// alone, until the load is over.
type tally struct {
	calls, events atomic.Int64
	latencies     []time.Duration
	_             [64]byte // the next tally is not to share a cache line
}

func (t *tally) count(events int64) { t.events.Add(events) }

// load is a set of callers at work, each with one call under way at any time.
// It is measured within a window, while it goes on before and behind.
type load struct {
	callers   []caller
	tallies   []tally
	recording atomic.Bool // calls that end now belong to the window
	stopping  atomic.Bool
}

// cpu is CPU time used so far.
type cpu struct{ server, client time.Duration }

// moment is what is known at either end of the window.
type moment struct {
	at            time.Time
	calls, events int64
	cpu
}

// window is what happened in it.
type window struct {
	elapsed       time.Duration
	calls, events int64
	cpu
	latencies []time.Duration // ascending
	total     int64           // events from first call to last, also outside
}

// run puts the load on for the warm-up and the window, lets every call finish,
// and gives what happened in the window. usage tells the CPU time so far.
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
