package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
)

const (
	// callsPerSecond limits attackers whose point is what their calls hold, not
	// how many they make: more would measure the cores that all share.
	callsPerSecond = 10_000
	// connectionsPerSecond limits all of them in what costs the kernel most.
	connectionsPerSecond = 1000
	// retryPause is how long an attacker waits after it was turned away.
	retryPause = 100 * time.Millisecond
	// attackersPatience is how long attackers may take to end.
	attackersPatience = 5 * time.Second
)

// attacker is what an attack works with, in the attackers' process.
type attacker struct {
	target
	short bool
	pace  *rate.Limiter // of calls
	dials *rate.Limiter // of connections
	tally *tally
}

// scaled is a number of the full attack, or that of its short form.
func (a *attacker) scaled(full, short int) int {
	if a.short {
		return short
	}
	return full
}

// repeat runs n attackers side by side, each again and again until ctx is done.
// One that fails, as when it was refused, waits before it tries again.
func (a *attacker) repeat(ctx context.Context, n int, attack func(context.Context) error) error {
	var group errgroup.Group
	for range n {
		group.Go(func() error {
			for ctx.Err() == nil {
				if err := attack(ctx); err != nil {
					pause(ctx, retryPause)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// pause waits, and returns whether ctx still goes on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// order is what the attackers' process is told.
type order struct {
	Attack string
	Short  bool
	Target target
}

// finding is what it answers at its end.
type finding struct {
	Counts map[string]int
	Error  string // what the attackers found that they should not have, if anything
}

// orderVariable holds the order of an attackers' process.
const orderVariable = "UMADB_HOSTILE_ORDER"

// attackIfOrdered is the attackers' process: it attacks until its standard input
// ends. It returns false in the harness's own process.
func attackIfOrdered() bool {
	text, ordered := os.LookupEnv(orderVariable)
	if !ordered {
		return false
	}
	lowerPriority()
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		fmt.Fprintln(os.Stderr, "hostile:", err)
		os.Exit(2)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	a := &attacker{
		target: o.Target, short: o.Short, tally: newTally(),
		pace:  rate.NewLimiter(callsPerSecond, 1000),
		dials: rate.NewLimiter(connectionsPerSecond, 100),
	}
	found := finding{}
	if err := attackNamed(o.Attack).run(ctx, a); err != nil && ctx.Err() == nil {
		found.Error = err.Error()
	}
	<-ctx.Done()
	found.Counts = a.tally.all()
	json.NewEncoder(os.Stdout).Encode(found)
	return true
}

// attackers is that process, seen from the harness.
type attackers struct {
	cmd    *exec.Cmd
	input  io.Closer
	output chan finding
}

// startAttackers starts an attack.
func startAttackers(o order) (*attackers, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), orderVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = childAttributes()
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	x := &attackers{cmd: cmd, input: input, output: make(chan finding, 1)}
	go func() {
		var found finding
		json.NewDecoder(output).Decode(&found)
		cmd.Wait()
		x.output <- found
	}()
	return x, nil
}

// stop ends the attack; with the process go its connections.
func (x *attackers) stop() finding {
	x.input.Close()
	timer := time.AfterFunc(attackersPatience, func() { x.cmd.Process.Kill() })
	defer timer.Stop()
	return <-x.output
}
