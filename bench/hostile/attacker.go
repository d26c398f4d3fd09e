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

	"github.com/umadb-go/umadb/internal/servertest"
)

const (
	// callsPerSecond limits attacks on the memory or the locks of the server. A
	// higher rate would measure the cores that attackers and server share.
	callsPerSecond = 10_000
	// connectionsPerSecond limits all attacks: connecting is expensive in the kernel.
	connectionsPerSecond = 1000
	// retryPause is how long an attacker waits after it was refused.
	retryPause = 100 * time.Millisecond
	// attackersTimeout is how long attackers may take to stop.
	attackersTimeout = 5 * time.Second
)

// attacker is the environment of an attack in the attackers' process.
type attacker struct {
	target
	short bool
	pace  *rate.Limiter // of calls
	dials *rate.Limiter // of connections
	tally *tally
}

// scaled returns full, or short in the short form.
func (a *attacker) scaled(full, short int) int {
	if a.short {
		return short
	}
	return full
}

// repeat runs n attackers concurrently, each in a loop until ctx is done. After an
// error, for example a refused call, an attacker waits.
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

// pause waits for d. It returns false if ctx is done.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// order is the input of the attackers' process.
type order struct {
	Attack string
	Short  bool
	Target target
}

// report is the output of the attackers' process.
type report struct {
	Counts map[string]int
	Error  string // unexpected behaviour of the server, or empty
}

// orderVariable is the environment variable with the order of an attackers' process.
const orderVariable = "UMADB_HOSTILE_ORDER"

// runAttackers is the main function of the attackers' process: it attacks until its
// standard input is closed. In the process of the harness it returns false.
func runAttackers() bool {
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
	found := report{}
	if err := attackNamed(o.Attack).run(ctx, a); err != nil && ctx.Err() == nil {
		found.Error = err.Error()
	}
	<-ctx.Done()
	found.Counts = a.tally.all()
	json.NewEncoder(os.Stdout).Encode(found)
	return true
}

// attackers is the attackers' process as seen by the harness.
type attackers struct {
	*servertest.Process
	input io.Closer
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
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p, err := servertest.Start(cmd)
	if err != nil {
		return nil, err
	}
	return &attackers{p, input}, nil
}

// stop ends the attack and its process, which closes its connections.
func (x *attackers) stop() (found report) {
	x.input.Close()
	x.Wait(attackersTimeout)
	json.Unmarshal([]byte(x.Output.String()), &found)
	return found
}
