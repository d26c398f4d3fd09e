package main

import (
	"bufio"
	"bytes"
	"context"
	_ "embed" // for load.py
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// pythonLoad is a load whose callers are threads of a Python process with a package umadb.
type pythonLoad struct {
	environment string // directory of a virtual environment
	threads     int
}

//go:embed python/load.py
var pythonScript string

// pythonResult is what the script prints.
type pythonResult struct {
	Seconds   float64 `json:"seconds"`
	Latencies []int64 `json:"latencies_us"`
	Appended  int64   `json:"appended"`
}

// pythonWorkloads returns the workloads with our Python package and the released one.
func (o *options) pythonWorkloads(threads int) (all []workload) {
	for _, each := range []struct{ name, environment string }{
		{"our package", filepath.Join(o.cache, "python", "bench")},
		{"released package", filepath.Join(o.cache, "rust-umadb")},
	} {
		name := fmt.Sprintf("%s, %s", each.name, plural(threads, "thread"))
		all = append(all, workload{group: pythons, name: name, series: each.name, connections: threads, python: &pythonLoad{each.environment, threads}})
	}
	return all
}

// supports returns an error if the load cannot be applied to a kind of server.
func (l *pythonLoad) supports(k kind) error {
	if _, ok := k.(umadb); !ok {
		return fmt.Errorf("%w: the packages call UmaDB servers", errUnsupported)
	}
	if _, err := os.Stat(l.python()); err != nil {
		return fmt.Errorf("%w: there is no package in %s: run make bench-packages", errUnsupported, l.environment)
	}
	return nil
}

func (l *pythonLoad) python() string { return filepath.Join(l.environment, "bin", "python") }

// run applies the load and returns the measurements of the window.
func (l *pythonLoad) run(ctx context.Context, o *options, p *process) (w window, err error) {
	seconds := func(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }
	cmd := exec.CommandContext(ctx, l.python(), "-c", pythonScript,
		"http://"+p.address, strconv.Itoa(l.threads), seconds(o.warmup), seconds(o.duration), strconv.Itoa(o.dataBytes))
	var printed bytes.Buffer
	cmd.Stderr = &printed
	cmd.WaitDelay = time.Second
	output, err := cmd.StdoutPipe()
	if err != nil {
		return w, err
	}
	if err := cmd.Start(); err != nil {
		return w, err
	}
	w, err = readPythonLoad(output, func() (cpu, error) {
		server, err := cpuTime(p.PID())
		client, err2 := cpuTimeOf(cmd.Process.Pid)
		return cpu{server, client}, errors.Join(err, err2)
	})
	if ended := cmd.Wait(); ended != nil {
		err = fmt.Errorf("the Python process: %w; it printed: %s", ended, lastLine(printed.String()))
	}
	return w, err
}

// readPythonLoad reads what the script prints. It calls usage at the start and at the end of the
// window.
func readPythonLoad(output io.Reader, usage func() (cpu, error)) (w window, err error) {
	lines := bufio.NewReader(output)
	next := func(want string) (cpu, error) {
		line, err := lines.ReadString('\n')
		if err == nil && line != want+"\n" {
			err = fmt.Errorf("the Python process printed %q, want %q", line, want)
		}
		if err != nil {
			return cpu{}, err
		}
		return usage()
	}
	before, err := next("begin")
	if err != nil {
		return w, err
	}
	after, err := next("end")
	if err != nil {
		return w, err
	}
	var r pythonResult
	if err := json.NewDecoder(lines).Decode(&r); err != nil {
		return w, err
	}
	w.elapsed = time.Duration(r.Seconds * float64(time.Second))
	w.calls, w.events, w.appended = int64(len(r.Latencies)), int64(len(r.Latencies)), r.Appended
	w.cpu = cpu{after.server - before.server, after.client - before.client}
	for _, us := range r.Latencies {
		w.latencies = append(w.latencies, time.Duration(us)*time.Microsecond)
	}
	slices.Sort(w.latencies)
	return w, nil
}

// lastLine returns the last line of a text, such as the error of a Python process.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}
