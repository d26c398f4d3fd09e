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
	appended      atomic.Int64 // those of the events that the store contains in addition
	latencies     []time.Duration
	ownLatencies  bool         // the caller calls record, since its calls do not end with their result
	recording     *atomic.Bool // that of the load
	_             [64]byte     // so that two tallies do not share a cache line
}

// count counts events that were received.
func (t *tally) count(events int64) { t.events.Add(events) }

// countAppended counts events that were appended.
func (t *tally) countAppended(events int) {
	t.events.Add(int64(events))
	t.appended.Add(int64(events))
}

// record records the latency of a call, or of a part of it, that ends now.
func (t *tally) record(latency time.Duration) {
	if t.recording != nil && t.recording.Load() {
		t.latencies = append(t.latencies, latency)
	}
}

// load is a set of running callers, each with one call at a time. It is measured
// within a window; it starts before the window and ends after it.
type load struct {
	callers   []caller    // are measured
	beside    []caller    // run at the same time
	tallies   []tally     // of callers, then of beside
	recording atomic.Bool // whether calls that end now are in the window
	stopping  atomic.Bool
}

// cpu is CPU time used so far.
type cpu struct{ server, client time.Duration }

// moment contains the counters at the start or the end of the window.
type moment struct {
	at                         time.Time
	calls, events, besideCalls int64
	cpu
}

// window contains the measurements of a window.
type window struct {
	elapsed                    time.Duration
	calls, events, besideCalls int64
	cpu
	latencies []time.Duration // ascending
	appended  int64           // events of all calls, also outside the window
}

// run applies the load during the warm-up and the window, waits for the last calls,
// and returns the measurements of the window. usage returns the CPU time used so far.
func (l *load) run(ctx context.Context, warmup, duration time.Duration, usage func() (cpu, error)) (w window, err error) {
	l.tallies = make([]tally, len(l.callers)+len(l.beside))
	group, ctx := errgroup.WithContext(ctx)
	for i, c := range slices.Concat(l.callers, l.beside) {
		l.tallies[i].recording = &l.recording
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
		w.appended += t.appended.Load()
		if i < len(l.callers) {
			w.latencies = append(w.latencies, t.latencies...)
		}
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
		if !t.ownLatencies {
			t.record(time.Since(began))
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
		elapsed:     after.at.Sub(before.at),
		calls:       after.calls - before.calls,
		events:      after.events - before.events,
		besideCalls: after.besideCalls - before.besideCalls,
		cpu:         cpu{after.server - before.server, after.client - before.client},
	}, err
}

func (l *load) look(usage func() (cpu, error)) (m moment, err error) {
	m.at = time.Now()
	for i := range l.callers {
		m.calls += l.tallies[i].calls.Load()
		m.events += l.tallies[i].events.Load()
	}
	for i := range l.beside {
		m.besideCalls += l.tallies[len(l.callers)+i].calls.Load()
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
