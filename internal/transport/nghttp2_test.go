package transport_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/transport"
)

var (
	nghttp2For  = flag.Duration("nghttp2-for", 0, "how long TestNGHTTP2 makes connections; 0 for a few")
	nghttp2Seed = flag.Uint64("nghttp2-seed", 0, "the seed of the only connection of TestNGHTTP2")
)

// noLibrary is the exit code of the client if libnghttp2 is not installed.
const noLibrary = 77

// libnghttp2, which has checks and limits of its own, makes random calls. Each seed is a
// connection to a server with random options.
func TestNGHTTP2(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		skipOrFail(t, "there is no python3: %v", err)
	}
	if *nghttp2Seed != 0 {
		runNGHTTP2(t, python, *nghttp2Seed)
		return
	}
	seed := rand.Uint64() >> 1
	until := time.Now().Add(*nghttp2For)
	connections := 10
	if testing.Short() {
		connections = 3
	}
	for i := 0; i < connections || time.Now().Before(until); i++ {
		if !runNGHTTP2(t, python, seed) {
			return
		}
		seed++
	}
}

// runNGHTTP2 reports whether a client with a seed finds that the server works.
func runNGHTTP2(t *testing.T, python string, seed uint64) bool {
	return t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
		r := start(t, func(o *transport.Options) { randomOptions(t, rand.New(rand.NewPCG(seed, 0)), o) })
		program := filepath.Join("testdata", "nghttp2", "client.py")
		args := []string{"-B", program, r.address, fmt.Sprint(seed), fmt.Sprint(r.options.HeaderBytes)}
		if r.options.TLS != nil {
			args = append(args, "tls")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*patience)
		defer cancel()
		output, err := r.runClient(exec.CommandContext(ctx, python, args...))
		var exit *exec.ExitError
		switch {
		case errors.As(err, &exit) && exit.ExitCode() == noLibrary:
			skipOrFail(t, "%s", output)
		case err != nil:
			t.Errorf("%v, with -nghttp2-seed %d and %+v\n%s", err, seed, r.options, output)
		}
	})
}

// randomOptions changes options. A request that is offered to Begin fits into the window of
// its stream, with padding.
func randomOptions(t *testing.T, draw *rand.Rand, o *transport.Options) {
	pick := func(values ...int) int { return values[draw.IntN(len(values))] }
	o.StreamWindow = uint32(pick(2000, 5000, 64<<10))
	o.InlineBytes = min(o.InlineBytes, int(o.StreamWindow)/2)
	o.ConnWindow = uint32(pick(64<<10, 256<<10))
	o.MaxStreams = uint32(pick(2, 20, 200))
	o.HeaderBytes = 40 << 10
	o.ReadBuffer = pick(1<<10, 8<<10, 64<<10)
	o.WriteBuffer = pick(1<<10, 32<<10)
	o.PingInterval = 0
	if draw.IntN(4) == 0 {
		o.TLS, _ = certificate(t)
	}
}

// runClient runs the client and returns its output. It stops the server gracefully when the
// client asks for it.
func (r *running) runClient(command *exec.Cmd) (string, error) {
	output, err := command.StdoutPipe()
	if err != nil {
		return "", err
	}
	var lines strings.Builder
	command.Stderr = command.Stdout
	if err := command.Start(); err != nil {
		return "", err
	}
	drained := make(chan struct{})
	draining := false
	for scanner := bufio.NewScanner(output); scanner.Scan(); {
		if scanner.Text() == "drain" && !draining {
			draining = true
			go func() {
				defer close(drained)
				r.server.GracefulStop()
			}()
			continue
		}
		fmt.Fprintln(&lines, scanner.Text())
	}
	err = command.Wait()
	if draining && err == nil {
		select {
		case <-drained:
		case <-time.After(patience):
			err = errors.New("GracefulStop does not return after the connection was closed")
		}
	}
	return lines.String(), err
}
