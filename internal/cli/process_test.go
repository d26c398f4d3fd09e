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
	"github.com/umadb-go/umadb/internal/servertest"
)

// spawn starts umadb as a process, which is killed at the end of the test.
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

// errorOutput is the standard error of a process so far.
type errorOutput struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

// Write appends the output of the process.
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

// stderrOf returns the standard error so far of a spawned process.
func stderrOf(cmd *exec.Cmd) string { return cmd.Stderr.(*errorOutput).String() }

// await waits until condition returns true, for 30 s at most.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// logContains reports whether the log of a store, which may be open, contains text.
func logContains(dir, text string) bool {
	content, _ := os.ReadFile(filepath.Join(dir, "log", "00000000000000000001.log"))
	return bytes.Contains(content, []byte(text))
}

// serveAt starts a server at an address and waits until it accepts connections.
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

// dial connects to a server, calls do, and closes the connection.
func dial(t *testing.T, address string, do func(*client.Client)) {
	t.Helper()
	c, err := client.Dial("http://"+address, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	do(c)
}

// reserveAddress reserves an address until the end of the test.
func reserveAddress(t *testing.T) string {
	t.Helper()
	address, release, err := servertest.ReserveAddress()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return address
}
