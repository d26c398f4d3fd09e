package interop_test

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// terminal runs a command, such as a server, until it is interrupted.
type terminal struct {
	name    string
	command *exec.Cmd
	screen  screen
}

// screen collects standard output and standard error of a command.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

// Write appends to the screen.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// open starts a command in a new terminal.
func open(t *testing.T, name string, command *exec.Cmd) *terminal {
	t.Helper()
	o := &terminal{name: name, command: command}
	command.Stdout, command.Stderr = &o.screen, &o.screen
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return o
}

// interrupt sends SIGINT to the command and checks that it exits without error.
func (o *terminal) interrupt(t *testing.T) {
	t.Helper()
	late := time.AfterFunc(30*time.Second, func() {
		t.Errorf("the command in the terminal %q did not end within 30 s", o.name)
		o.command.Process.Kill()
	})
	defer late.Stop()
	o.command.Process.Signal(os.Interrupt) // fails if the command has ended, which Wait reports
	if err := o.command.Wait(); err != nil {
		t.Errorf("the command in the terminal %q ended with %v:\n%s", o.name, err, o.screen.String())
	}
}

// waitForOutput waits until the output matches and reports whether it does.
func (o *terminal) waitForOutput(want string) bool {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if matchesOutput(want, o.screen.String()) {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}

// waitForListener waits until a server in the terminal accepts connections.
func (o *terminal) waitForListener(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("no server is listening on %s; output of the terminal %q:\n%s", address, o.name, o.screen.String())
}
