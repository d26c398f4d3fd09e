package cli_test

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/client"
)

// spawn starts umadb as a process that is gone when the test ends.
func spawn(t *testing.T, stdin io.Reader, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.Stdin = stdin
	cmd.Stderr = new(errorOutput)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd
}

// errorOutput is what a process has written to standard error so far.
type errorOutput struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

// Write takes what the process writes.
func (e *errorOutput) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.text.Write(p)
}

func (e *errorOutput) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.text.String()
}

// told gives what a process that was spawned has written to standard error.
func told(cmd *exec.Cmd) string { return cmd.Stderr.(*errorOutput).String() }

// await waits until something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// holds tells whether the log of a store, which somebody may have open, has some
// bytes.
func holds(dir, text string) bool {
	content, _ := os.ReadFile(filepath.Join(dir, "log", "00000000000000000001.log"))
	return bytes.Contains(content, []byte(text))
}

// serveAt starts a server at an address that was free a moment ago.
func serveAt(t *testing.T, address, dir string) *exec.Cmd {
	t.Helper()
	cmd := spawn(t, nil, "serve", "--db-path", dir, "--listen", address)
	await(t, "a server at "+address, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return cmd
}

func stop(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v ended with %v: %s", cmd.Args[1:], err, cmd.Stderr)
	}
}

// dial connects for a moment.
func dial(t *testing.T, address string, do func(*client.Client)) {
	t.Helper()
	c, err := client.Dial("http://"+address, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	do(c)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	return lis.Addr().String()
}
