package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// asProgram makes the test binary be umadb.
const asProgram = "MAIN_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// A server executes itself again, once, as the process that it is, and serves with the
// same arguments. Started with as much slack, or another command, it does not.
func TestEaseTimers(t *testing.T) {
	for name, c := range map[string]struct {
		slack time.Duration // that it is started with
		args  []string
		again bool
	}{
		"serve":           {50 * time.Microsecond, []string{"serve"}, true},
		"no command":      {50 * time.Microsecond, nil, true},
		"eased by others": {timerSlack, []string{"serve"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			args := append(c.args, "--listen", "127.0.0.1:0", "--db-path", filepath.Join(folder, "uma.db"), "--log-format", "json")
			cmd := exec.Command(os.Args[0], args...)
			cmd.Env = append(os.Environ(), asProgram+"=1")
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			startWithSlack(t, cmd, c.slack)
			late := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
			defer late.Stop()
			log := bufio.NewScanner(stderr)
			for log.Scan() && !strings.Contains(log.Text(), `"listening"`) {
			}
			environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", cmd.Process.Pid))
			if err != nil {
				t.Fatal(err)
			}
			if again := strings.Contains(string(environ), executedAgain+"=1\x00"); again != c.again {
				t.Errorf("executed again: %v, want %v", again, c.again)
			}
			if _, err := os.Stat(filepath.Join(folder, "uma.db")); err != nil {
				t.Error(err)
			}
			cmd.Process.Signal(syscall.SIGTERM)
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// startWithSlack starts a process whose threads have a timer slack, of which this one
// keeps nothing.
func startWithSlack(t *testing.T, cmd *exec.Cmd, slack time.Duration) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(before), 0, 0, 0)
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
}
