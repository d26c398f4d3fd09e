package cli_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/servertest"
)

// patience is the maximum time to wait for a process.
const patience = 30 * time.Second

// command returns a command that runs umadb: this test binary.
func command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd
}

// quietly is like command, without standard output.
func quietly(args ...string) *exec.Cmd {
	cmd := command(args...)
	cmd.Stdout = io.Discard
	return cmd
}

// spawn starts umadb as a process, which is killed at the end of the test. The output of the
// process is its standard error.
func spawn(t *testing.T, stdin io.Reader, args ...string) *servertest.Process {
	t.Helper()
	cmd := quietly(args...)
	cmd.Stdin = stdin
	p, err := servertest.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// serveAt starts a server at a reserved address and waits until clients can connect.
func serveAt(t *testing.T, address, dir string) *servertest.Process {
	t.Helper()
	p, err := servertest.StartUmaDB(t.Context(), command("serve", "--db-path", dir, "--listen", address))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// stop stops a process with SIGTERM.
func stop(t *testing.T, p *servertest.Process) {
	t.Helper()
	if err := p.Stop(); err != nil {
		t.Errorf("%v: %s", err, p.Output)
	}
}

// exit waits for the end of a process and returns its exit code.
func exit(t *testing.T, p *servertest.Process) int {
	t.Helper()
	code, err := p.Wait(patience)
	if err != nil {
		t.Error(err)
	}
	return code
}

// awaitOutput waits until the output of a process contains text.
func awaitOutput(t *testing.T, p *servertest.Process, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if !p.Output.Await(ctx, func(output string) bool { return strings.Contains(output, text) }) {
		t.Fatalf("the output does not contain %q: %s", text, p.Output)
	}
}

// await waits until condition returns true.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// logContains reports whether the log of a store, which may be open, contains text.
func logContains(dir, text string) bool {
	content, _ := os.ReadFile(filepath.Join(dir, "log", "00000000000000000001.log"))
	return bytes.Contains(content, []byte(text))
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
