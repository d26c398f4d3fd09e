package cli

import (
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// timerSlack is how much later than asked for the kernel may end a thread's sleep.
	timerSlack = 500 * time.Microsecond
	// executedAgain is a variable of the environment, there to happen once at most.
	executedAgain = "UMADB_EXECUTED_AGAIN"
)

// EaseTimers has all threads of the process sleep with that slack, if args have it
// serve, for Go's monitor thread sleeps 20 µs at a time, thousands of times a second
// while there is something to do (docs/adr/0012-timer-slack.md). A thread has the slack
// of the one that started it, and the monitor is there before main: so the program is
// executed again, which keeps the slack, the process ID and the arguments. Where that
// cannot be done, or the slack is as large already, the program goes on as it is.
func EaseTimers(args []string) {
	if os.Getenv(executedAgain) != "" {
		os.Unsetenv(executedAgain)
		return
	}
	if !serves(args) {
		return
	}
	runtime.LockOSThread() // whose slack it is
	defer runtime.UnlockOSThread()
	slack, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil || time.Duration(slack) >= timerSlack {
		return
	}
	program, err := os.Executable()
	if err != nil || unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(timerSlack), 0, 0, 0) != nil {
		return
	}
	syscall.Exec(program, os.Args, append(os.Environ(), executedAgain+"=1"))
}

// serves tells whether Main serves with these arguments, unless it finds a mistake in them.
func serves(args []string) bool {
	cmd, _, err := NewCommand().Find(args)
	return err == nil && (!cmd.HasParent() || cmd.Name() == "serve")
}
