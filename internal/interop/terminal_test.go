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

// terminal is one in which something runs until Ctrl-C, such as a server.
type terminal struct {
	name    string
	command *exec.Cmd
	screen  screen
}

// screen is what was written to a terminal: standard output and standard error.
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

// open types a command into a terminal and leaves it running. command is not
// started yet.
func open(t *testing.T, name string, command *exec.Cmd) *terminal {
	t.Helper()
	o := &terminal{name: name, command: command}
	command.Stdout, command.Stderr = &o.screen, &o.screen
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return o
}

// press types Ctrl-C and waits for the end, which must be a good one.
func (o *terminal) press(t *testing.T) {
	t.Helper()
	late := time.AfterFunc(30*time.Second, func() {
		t.Errorf("what runs in the terminal %q did not end within 30 s", o.name)
		o.command.Process.Kill()
	})
	defer late.Stop()
	o.command.Process.Signal(os.Interrupt) // fails if it has ended, which Wait judges
	if err := o.command.Wait(); err != nil {
		t.Errorf("what ran in the terminal %q ended with %v:\n%s", o.name, err, o.screen.String())
	}
}

// shows waits until a promise is kept by what the terminal shows.
func (o *terminal) shows(promise string) bool {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if keeps(promise, o.screen.String()) {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}

// listens waits until a server in the terminal accepts connections.
func (o *terminal) listens(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("nobody listens on %s; the terminal %q shows\n%s", address, o.name, o.screen.String())
}
