package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/umadb-go/umadb/internal/servertest"
)

// phases are the durations of the parts of a run.
type phases struct {
	warmup   time.Duration // steady client alone, before the attack
	attack   time.Duration
	after    time.Duration // steady client alone, minimum
	recovery time.Duration // until the memory has returned to its former size, maximum
	again    time.Duration // second attack, before SIGTERM
}

// form configures how an attack is run: the full form, or the short form of the
// tests.
type form struct {
	bounds
	phases
	short       bool
	callTimeout time.Duration // of the calls of the steady client
}

var fullForm = form{
	bounds: bounds{
		late:  time.Second,
		share: 0.95,
		peak:  700 * mebibyte,
		// The attack may have filled the cache (64 MiB) and the head block of the
		// index (32 MiB); the rest is for garbage.
		rest: 128 * mebibyte,
		stop: 20 * time.Second,
	},
	phases: phases{
		warmup: 3 * time.Second, attack: 20 * time.Second, after: 3 * time.Second,
		recovery: time.Minute, again: 3 * time.Second,
	},
	callTimeout: 5 * time.Second,
}

// shortForm has bounds that also hold on a busy machine with two cores: that no
// call fails and that memory is bounded does not depend on the speed. The memory includes
// garbage, of which there is more while the collector gets little time.
var shortForm = form{
	bounds:      bounds{late: 10 * time.Second, share: 0.95, peak: 400 * mebibyte, stop: 20 * time.Second},
	phases:      phases{warmup: 100 * time.Millisecond, attack: time.Second, again: 100 * time.Millisecond},
	short:       true,
	callTimeout: 30 * time.Second,
}

// runner runs attacks.
type runner struct {
	form
	program  string // umadb
	dir      string // for stores and the output of servers
	identity servertest.Certificate
	progress func(text string)
}

// run runs one attack. The outcome contains the effect on the server; an error is a
// failure of the harness.
func (r *runner) run(ctx context.Context, a *attack, secure bool) (*outcome, error) {
	dir, err := os.MkdirTemp(r.dir, a.name+"-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var identity *servertest.Certificate
	if secure {
		identity = &r.identity
	}
	r.progress("starting")
	s, err := startServer(ctx, r.program, dir, a.server, identity)
	if err != nil {
		return nil, err
	}
	defer func() {
		s.Kill() // if it was not stopped
		s.group.remove()
	}()
	if a.prepare != nil {
		r.progress("filling the store")
		if err := a.prepare(ctx, s.target, r.short); err != nil {
			return nil, err
		}
	}
	o := &outcome{Attack: a.name, TLS: secure}
	if err := r.attack(ctx, a, s, o); err != nil {
		return nil, err
	}
	return o, r.end(a, s, o)
}

// attack runs the attack and a steady client, and records everything in the outcome
// except the shutdown.
func (r *runner) attack(ctx context.Context, a *attack, s *server, o *outcome) error {
	client, err := startSteady(ctx, s.target, r.callTimeout)
	if err != nil {
		return err
	}
	defer client.Close()
	r.progress("warming up")
	if !pause(ctx, r.warmup) {
		return ctx.Err()
	}
	o.BeforeMiB = s.now.Load() / mebibyte
	start := time.Now()
	x, err := startAttackers(order{Attack: a.name, Short: r.short, Target: s.target})
	if err != nil {
		return err
	}
	r.watch(ctx, s, "attack", r.phases.attack, s.gone)
	found := x.stop()
	o.Load = loadAverage()
	o.Attacked = found.Counts
	if found.Error != "" {
		o.fail("%s", found.Error)
	}
	left := time.Now()
	r.watch(ctx, s, "after", r.after, s.gone)
	calls := client.finish(start)
	o.judgeCalls(calls, r.bounds)
	if r.rest > 0 {
		r.watch(ctx, s, "recovery", r.recovery, func() bool {
			return s.gone() || s.now.Load()-o.BeforeMiB*mebibyte <= r.rest
		})
	}
	o.RestMiB, o.RestAfter = s.now.Load()/mebibyte, time.Since(left).Seconds()
	if ctx.Err() == nil && !s.gone() {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if o.Lost, err = client.lost(ctx); err != nil {
			o.fail("reading back what was appended: %v", err)
		}
	}
	return ctx.Err()
}

// end attacks again, stops the server during the attack, and records the shutdown.
func (r *runner) end(a *attack, s *server, o *outcome) error {
	if !s.gone() {
		x, err := startAttackers(order{Attack: a.name, Short: r.short, Target: s.target})
		if err != nil {
			return err
		}
		defer x.stop()
		r.watch(context.Background(), s, "attack again", r.again, s.gone)
	}
	r.progress("SIGTERM")
	took, err := s.stop()
	o.StopAfter = took.Seconds()
	if err != nil {
		o.fail("%v", err)
	}
	o.PeakMiB = s.peak.Load() / mebibyte
	o.judgeServer(r.bounds)
	return nil
}

// watch reports the memory as progress for d, or until done returns true.
func (r *runner) watch(ctx context.Context, s *server, phase string, d time.Duration, done func() bool) {
	for start := time.Now(); ctx.Err() == nil && time.Since(start) < d && !done(); {
		r.progress(phase + ", " + time.Since(start).Truncate(time.Second).String() +
			", " + strconv.FormatInt(s.now.Load()/mebibyte, 10) + " MiB")
		pause(ctx, min(100*time.Millisecond, d))
	}
}

// loadAverage returns the load average of the last minute.
func loadAverage() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	load, _ := strconv.ParseFloat(strings.Fields(string(text) + " 0")[0], 64)
	return load
}

// newRunner returns a runner with its files in a new directory in dir, which close
// removes.
func newRunner(f form, program, dir string) (r *runner, close func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, err
	}
	if dir, err = os.MkdirTemp(dir, "hostile-"); err != nil {
		return nil, nil, err
	}
	close = func() { os.RemoveAll(dir) }
	r = &runner{form: f, dir: dir, progress: func(string) {}}
	if r.program, err = filepath.Abs(program); err == nil {
		r.identity, err = servertest.WriteCertificate(dir)
	}
	if _, missing := os.Stat(program); missing != nil {
		err = errors.Join(err, missing)
	}
	if err != nil {
		close()
		return nil, nil, err
	}
	return r, close, nil
}
