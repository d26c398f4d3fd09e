package interop_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestPythonClient checks our server with the released client for Python, and
// verifies the checks with the server that is released with it.
func TestPythonClient(t *testing.T) {
	for _, c := range channels {
		t.Run(c.name, func(t *testing.T) {
			t.Run("our server", func(t *testing.T) {
				released(t)
				runChecks(t, startOurs(t, c))
			})
			t.Run("released server", func(t *testing.T) {
				runChecks(t, startReleased(t, c), "--reference")
			})
		})
	}
}

func TestPythonClientDuringShutdown(t *testing.T) {
	for _, c := range channels {
		t.Run(c.name, func(t *testing.T) {
			released(t)
			runChecks(t, startOurs(t, c), "--until-shutdown")
		})
	}
}

// result is one line of the output of the checks.
type result struct {
	Check string
	Error *string
	Ready bool // the server must be stopped now
}

// runChecks runs testdata/client against a server, each check as a subtest.
func runChecks(t *testing.T, server *testServer, flags ...string) {
	t.Helper()
	args := append([]string{filepath.Join("testdata", "client"), "--url", server.url}, flags...)
	if server.ca != "" {
		args = append(args, "--ca", server.ca, "--api-key", server.apiKey)
	}
	var stderr bytes.Buffer
	python := exec.Command(filepath.Join(released(t), "python3"), args...)
	python.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	python.Stderr = &stderr
	stdout, err := python.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := python.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(3*time.Minute, func() {
		t.Error("the checks did not end within 3 minutes")
		python.Process.Kill()
	})
	defer late.Stop()

	count := 0
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("%v in %q", err, lines.Text())
		}
		if r.Ready {
			server.stop(t)
			continue
		}
		count++
		t.Run(r.Check, func(t *testing.T) {
			if r.Error != nil {
				t.Error(*r.Error)
			}
		})
	}
	if err := python.Wait(); err != nil || count == 0 {
		t.Errorf("%d checks, %v\n%s", count, err, stderr.String())
	}
}
