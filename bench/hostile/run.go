package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// phases are how long the parts of a run take.
type phases struct {
	warmup   time.Duration // of the steady client, before the attack
	attack   time.Duration
	after    time.Duration // of the steady client alone, at the least
	recovery time.Duration // that the memory may take, at the most
	again    time.Duration // of the second attack, before SIGTERM
}

// form is how an attack is run: the full form, or the short one of the tests.
type form struct {
	bounds
	phases
	short    bool
	patience time.Duration // of the steady client with a call
}

var fullForm = form{
	bounds: bounds{
		late:  time.Second,
		share: 0.95,
		peak:  700 * mebibyte,
		// The cache and the head block of the index may be filled by what the attack
		// stored: 64 MiB and 32 MiB, and garbage of some size beside them.
		rest: 128 * mebibyte,
		stop: 20 * time.Second,
	},
	phases: phases{
		warmup: 3 * time.Second, attack: 20 * time.Second, after: 3 * time.Second,
		recovery: time.Minute, again: 3 * time.Second,
	},
	patience: 5 * time.Second,
}

// shortForm has bounds that a busy machine of two cores keeps: that nothing fails,
// and that the memory is bounded, does not depend on its speed.
var shortForm = form{
	bounds:   bounds{late: 10 * time.Second, share: 0.95, peak: 300 * mebibyte, stop: 20 * time.Second},
	phases:   phases{warmup: 100 * time.Millisecond, attack: time.Second, again: 100 * time.Millisecond},
	short:    true,
	patience: 30 * time.Second,
}

// runner runs attacks.
type runner struct {
	form
	program  string // umadb
	dir      string // for the stores and what servers print
	identity *identity
	progress func(text string)
}

// run runs one attack from start to end. An error is the harness's own; what the
// attack did to the server is in the outcome.
func (r *runner) run(ctx context.Context, a *attack, secure bool) (*outcome, error) {
	dir, err := os.MkdirTemp(r.dir, a.name+"-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var identity *identity
	if secure {
		identity = r.identity
	}
	r.progress("starting")
	s, err := startServer(ctx, r.program, dir, a.server, identity)
	if err != nil {
		return nil, err
	}
	defer func() {
		s.cmd.Process.Kill() // if it has not been stopped
		<-s.exited
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

// attack attacks beside a steady client, and fills in what came of it, but for
// the end.
func (r *runner) attack(ctx context.Context, a *attack, s *server, o *outcome) error {
	client, err := startSteady(ctx, s.target, r.patience)
	if err != nil {
		return err
	}
	defer client.Close()
	r.progress("warming up")
	if !pause(ctx, r.warmup) {
		return ctx.Err()
	}
	o.BeforeMiB = s.now.Load() / mebibyte
	begun := time.Now()
	x, err := startAttackers(order{Attack: a.name, Short: r.short, Target: s.target})
	if err != nil {
		return err
	}
	r.watch(ctx, s, "attack", r.phases.attack, func() bool { return s.gone() })
	found := x.stop()
	o.Load = loadAverage()
	o.Attacked = found.Counts
	if found.Error != "" {
		o.fail("%s", found.Error)
	}
	left := time.Now()
	r.watch(ctx, s, "after", r.after, s.gone)
	calls := client.finish(begun)
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

// end attacks again and stops the server meanwhile.
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

// watch shows the memory for a time, or until done returns true.
func (r *runner) watch(ctx context.Context, s *server, phase string, d time.Duration, done func() bool) {
	for begun := time.Now(); ctx.Err() == nil && time.Since(begun) < d && !done(); {
		r.progress(phase + ", " + time.Since(begun).Truncate(time.Second).String() +
			", " + strconv.FormatInt(s.now.Load()/mebibyte, 10) + " MiB")
		pause(ctx, min(100*time.Millisecond, d))
	}
}

// loadAverage is that of the last minute.
func loadAverage() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	load, _ := strconv.ParseFloat(strings.Fields(string(text) + " 0")[0], 64)
	return load
}

// newRunner makes a runner whose files are in a new directory in dir; close
// removes it.
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
		r.identity, err = newIdentity(dir)
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
