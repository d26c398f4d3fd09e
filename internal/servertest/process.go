package servertest

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// stopTimeout is the time from SIGTERM until a process is killed.
const stopTimeout = 60 * time.Second

// Process is a running program. The methods may be called concurrently.
type Process struct {
	// Output is what the process prints to those of standard output and standard
	// error that its command left nil.
	Output *Output

	cmd    *exec.Cmd
	exited chan struct{} // closed when the process has exited and its output is complete
	err    error         // the result of the process, valid when exited is closed
}

// Start starts a command. If its environment is nil, the process gets that of this
// process without the settings of umadb. On Linux the process ends with this one. The
// caller must call Kill or Stop.
func Start(cmd *exec.Cmd) (*Process, error) {
	p := &Process{Output: newOutput(), cmd: cmd, exited: make(chan struct{})}
	if cmd.Env == nil {
		cmd.Env = withoutSettings(os.Environ())
	}
	if cmd.Stdout == nil {
		cmd.Stdout = p.Output
	}
	if cmd.Stderr == nil {
		cmd.Stderr = p.Output
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = childAttributes()
	}
	cmd.WaitDelay = 10 * time.Second // if a process that it started keeps the output open
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = cmd.Wait()
		p.Output.finish()
		close(p.exited)
	}()
	return p, nil
}

// withoutSettings returns an environment without the settings of umadb.
func withoutSettings(environment []string) []string {
	var kept []string
	for _, variable := range environment {
		if !strings.HasPrefix(variable, "UMADB_") {
			kept = append(kept, variable)
		}
	}
	return kept
}

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Exited returns a channel that is closed when the process has exited.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Signal sends a signal to the process. It fails if the process has exited.
func (p *Process) Signal(signal os.Signal) error { return p.cmd.Process.Signal(signal) }

// Kill kills the process, as a crash would, and waits until it has exited. It does
// nothing if the process has exited before.
func (p *Process) Kill() {
	p.cmd.Process.Kill()
	<-p.exited
}

// Wait waits until the process has exited and returns its exit code, or -1 if a signal
// ended it. After the timeout it kills the process and fails.
func (p *Process) Wait(timeout time.Duration) (code int, err error) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		p.Kill()
		err = fmt.Errorf("the process was killed: it had not exited after %v", timeout)
	}
	return p.cmd.ProcessState.ExitCode(), err
}

// Stop sends SIGTERM and waits until the process has exited. It fails if the process
// has exited before, does not exit in time, or does not report success.
func (p *Process) Stop() error {
	select {
	case <-p.exited:
		return fmt.Errorf("the process had exited before: %v", p.cmd.ProcessState)
	default:
	}
	p.Signal(syscall.SIGTERM)
	if _, err := p.Wait(stopTimeout); err != nil {
		return err
	}
	return p.err
}

// ResetIgnoredSignals makes the processes that this one starts receive SIGINT and
// SIGHUP. A process in the background or under nohup ignores them, and those that it
// starts inherit that unless it handles the signals.
func ResetIgnoredSignals() {
	for _, ignored := range []os.Signal{os.Interrupt, syscall.SIGHUP} {
		if signal.Ignored(ignored) {
			signal.Notify(make(chan os.Signal, 1), ignored)
		}
	}
}
