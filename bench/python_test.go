package main

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/umadbtest"
)

// environment returns a directory with a program that replaces Python.
func environment(t *testing.T, script string) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the benchmark runs on Linux")
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bin", "python"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// onServer runs a load on a server of this process with an empty store, which it returns too.
func onServer(t *testing.T, l *pythonLoad) (window, client, error) {
	t.Helper()
	url := umadbtest.NewServer(t, umadbtest.NewStore(t))
	p := &process{running: &embedded{}, kind: umadb{}, address: strings.TrimPrefix(url, "http://")}
	w, err := l.run(t.Context(), &options{warmup: 10 * time.Millisecond, duration: time.Second, dataBytes: 10}, p)
	return w, dialed(t, p, 1)[0], err
}

func TestPythonResultIsTheWindow(t *testing.T) {
	dir := environment(t, `[ "$4" = 3 ] && [ "$5" = 0.01 ] && [ "$6" = 1 ] && [ "$7" = 10 ] || exit 1
echo begin
echo end
echo '{"seconds": 0.5, "latencies_us": [3000, 1000, 2000], "appended": 7}'
`)
	// sh counts $0 as the script: its arguments are -c, the script of Python, URL and so on.
	w, _, err := onServer(t, &pythonLoad{dir, 3})
	if err != nil {
		t.Fatal(err)
	}
	if w.elapsed != 500*time.Millisecond || w.calls != 3 || w.events != 3 || w.appended != 7 || w.latencies[0] != time.Millisecond || w.latencies[2] != 3*time.Millisecond {
		t.Errorf("%+v", w)
	}
}

func TestFailureOfPythonIsReported(t *testing.T) {
	for script, want := range map[string]string{
		"echo begin; echo Traceback >&2; echo 'ValueError: no' >&2; exit 1": "exit status 1; it printed: ValueError: no",
		"echo started":                   `printed "started\n", want "begin"`,
		"echo begin; echo end; echo '{'": "EOF",
	} {
		if _, _, err := onServer(t, &pythonLoad{environment(t, script), 1}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", script, err)
		}
	}
}

func TestPythonPackagesCallOnlyUmaDB(t *testing.T) {
	installed := &pythonLoad{environment(t, ""), 1}
	if err := installed.supports(umadb{}); err != nil {
		t.Error(err)
	}
	if err := installed.supports(postgres{}); !errors.Is(err, errUnsupported) {
		t.Errorf("PostgreSQL: %v", err)
	}
	if err := (&pythonLoad{t.TempDir(), 1}).supports(umadb{}); !errors.Is(err, errUnsupported) || !strings.Contains(err.Error(), "make bench-packages") {
		t.Errorf("no package: %v", err)
	}
}

// With the packages that are installed, the script appends what it reports.
func TestPythonPackagesAppend(t *testing.T) {
	for _, name := range []string{"rust-umadb", filepath.Join("python", "bench")} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			l := &pythonLoad{filepath.Join("..", ".cache", name), 4}
			if err := l.supports(umadb{}); err != nil {
				t.Skip(err)
			}
			w, c, err := onServer(t, l)
			if err != nil {
				t.Fatal(err)
			}
			stored, err := c.stored(t.Context())
			if err != nil || stored != w.appended || w.appended < w.calls || w.calls == 0 || w.client <= 0 || w.elapsed < time.Second {
				t.Errorf("%d events are stored, %v; %d appended, %d calls in %v, CPU %v", stored, err, w.appended, w.calls, w.elapsed, w.client)
			}
		})
	}
}
