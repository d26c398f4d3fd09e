package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// infernoVersion is the release of Inferno, which draws the flame graphs.
const infernoVersion = "0.12.8"

// flames draws flame graphs: where the servers spend their CPU time. They are recorded with
// Linux's perf, so system calls are included.
type flames struct {
	dir     string // of the images
	inferno string // directory of Inferno's programs
}

// newFlames prepares flame graphs in a directory. Cargo builds Inferno, in some minutes, into
// a directory of the cache that later runs reuse.
func newFlames(ctx context.Context, dir, cache string) (*flames, error) {
	if _, err := exec.LookPath("perf"); err != nil {
		return nil, fmt.Errorf("-flames needs perf (Debian's package linux-perf): %w", err)
	}
	root, err := filepath.Abs(filepath.Join(cache, "inferno"))
	if err != nil {
		return nil, err
	}
	if err := cargoInstall(ctx, root, "inferno", infernoVersion); err != nil {
		return nil, fmt.Errorf("-flames needs Inferno: %w", err)
	}
	return &flames{dir, filepath.Join(root, "bin")}, os.MkdirAll(dir, 0o755)
}

// record samples a process until draw is called, which draws the image of a workload. If f
// is nil, nothing is drawn.
func (f *flames) record(ctx context.Context, pid int, samples string) (draw func(name string) error, err error) {
	if f == nil {
		return func(string) error { return nil }, nil
	}
	perf := exec.CommandContext(ctx, "perf", "record", "-q", "-g", "-e", "cpu-clock", "-F", "999", "-p", strconv.Itoa(pid), "-o", samples)
	var said bytes.Buffer
	perf.Stdout, perf.Stderr = &said, &said
	if err := perf.Start(); err != nil {
		return nil, err
	}
	return func(name string) error {
		_ = perf.Process.Signal(os.Interrupt) // it may have ended
		if err := perf.Wait(); err != nil && !interrupted(err) {
			return fmt.Errorf("perf: %w: %s", err, oneLine(errors.New(said.String())))
		}
		return f.draw(ctx, samples, name)
	}, nil
}

// interrupted reports whether a program has ended because of SIGINT.
func interrupted(err error) bool {
	ended, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return false
	}
	state, ok := ended.Sys().(syscall.WaitStatus)
	return ok && state.Signaled() && state.Signal() == syscall.SIGINT
}

// draw draws the image of samples.
func (f *flames) draw(ctx context.Context, samples, name string) error {
	script, err := exec.CommandContext(ctx, "perf", "script", "-i", samples).Output()
	if err != nil {
		return fmt.Errorf("perf script: %w", err)
	}
	collapse := exec.CommandContext(ctx, filepath.Join(f.inferno, "inferno-collapse-perf"))
	collapse.Stdin = bytes.NewReader(script)
	stacks, err := collapse.Output()
	if err != nil {
		return fmt.Errorf("inferno-collapse-perf: %w", err)
	}
	image, err := os.Create(filepath.Join(f.dir, slug(name)+".svg"))
	if err != nil {
		return err
	}
	graph := exec.CommandContext(ctx, filepath.Join(f.inferno, "inferno-flamegraph"),
		"--title", name, "--width", "1200", "--minwidth", "0.5", "--hash", "--countname", "ns")
	graph.Stdin, graph.Stdout = strings.NewReader(shorten(string(stacks))), image
	if err := errors.Join(graph.Run(), image.Close()); err != nil {
		return fmt.Errorf("inferno-flamegraph: %w", err)
	}
	return nil
}

var (
	// prefixes are what package paths start with before the package that a reader knows.
	prefixes = regexp.MustCompile(`(github\.com|golang\.org/x|google\.golang\.org)/(umadb-go/umadb/|)(internal/|)`)
	// starters are the frames below what a goroutine does.
	starters = regexp.MustCompile(`;(runtime\.goexit\.abi0|sync\.\(\*WaitGroup\)\.Go\.func1)`)
	// nonword is what separates the words of a name.
	nonword = regexp.MustCompile(`[^a-z0-9]+`)
)

// shorten shortens the names in stacks to what distinguishes them.
func shorten(stacks string) string {
	return prefixes.ReplaceAllString(starters.ReplaceAllString(stacks, ""), "")
}

// slug returns a name as a part of a file name.
func slug(name string) string {
	return strings.Trim(nonword.ReplaceAllString(strings.ToLower(name), "-"), "-")
}
