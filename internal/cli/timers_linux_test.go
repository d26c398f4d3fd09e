package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A server executes itself again, once, as the process that it is, and serves with the
// same arguments. Started with as much slack, or with another command, it does not.
func TestEaseTimers(t *testing.T) {
	const byDefault = 50 * time.Microsecond
	folder := t.TempDir()
	store, running := filepath.Join(folder, "uma.db"), start(t, "--db-path", filepath.Join(folder, "other.db"))
	for name, c := range map[string]struct {
		slack time.Duration // that it is started with
		args  []string
		shows string
		again bool
	}{
		"serve":           {byDefault, []string{"serve", "--listen", "127.0.0.1:0", "--db-path", store + "1"}, "listening", true},
		"no command":      {byDefault, []string{"--listen", "127.0.0.1:0", "--db-path", store + "2"}, "listening", true},
		"eased by others": {500 * time.Microsecond, []string{"serve", "--listen", "127.0.0.1:0", "--db-path", store + "3"}, "listening", false},
		"another command": {byDefault, []string{"import", "--from", "http://" + running.address, "--follow", "--db-path", store + "4"}, "following", false},
	} {
		t.Run(name, func(t *testing.T) {
			var cmd *exec.Cmd
			withSlack(t, c.slack, func() { cmd = spawn(t, nil, c.args...) })
			await(t, c.shows, func() bool { return strings.Contains(told(cmd), c.shows) })
			environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", cmd.Process.Pid))
			if err != nil {
				t.Fatal(err)
			}
			if again := strings.Contains(string(environ), "UMADB_EXECUTED_AGAIN=1\x00"); again != c.again {
				t.Errorf("executed again: %v, want %v", again, c.again)
			}
			stop(t, cmd)
		})
	}
}

// withSlack has something start processes, whose threads have the timer slack of the
// one that starts them.
func withSlack(t *testing.T, slack time.Duration, do func()) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil {
		t.Skip("this system has no timer slack:", err)
	}
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(before), 0, 0, 0)
	do()
}
