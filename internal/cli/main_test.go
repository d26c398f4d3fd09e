package cli_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/cli"
)

// asProgram makes the test binary be umadb, for tests that need a process.
const asProgram = "CLI_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	for _, setting := range os.Environ() {
		name, _, _ := strings.Cut(setting, "=")
		if strings.HasPrefix(name, "UMADB_") {
			os.Unsetenv(name)
		}
	}
	os.Exit(m.Run())
}

// run runs a command that ends by itself.
func run(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Main(args, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// program is a running umadb.
type program struct {
	*exec.Cmd
	address string        // that it listens on
	log     *bufio.Reader // what follows the line that says so
}

// start starts a server on a free port and waits until it listens.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	cmd := exec.Command(os.Args[0], append(args, "--listen", "127.0.0.1:0", "--log-format", "json")...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	p := &program{Cmd: cmd, log: bufio.NewReader(stderr)}
	for {
		line, err := p.log.ReadBytes('\n')
		if err != nil {
			t.Fatalf("the server has ended before it listened: %v", err)
		}
		var entry struct{ Msg, Address string }
		if json.Unmarshal(line, &entry) == nil && entry.Msg == "listening" {
			p.address = entry.Address
			return p
		}
	}
}

// exit waits for the end of the program and gives its code.
func (p *program) exit(t *testing.T) int {
	t.Helper()
	late := time.AfterFunc(20*time.Second, func() {
		t.Error("the program did not end within 20 s")
		p.Process.Kill()
	})
	defer late.Stop()
	p.Wait()
	return p.ProcessState.ExitCode()
}

// wantError checks that a command failed with a code and one sentence.
func wantError(t *testing.T, code int, stderr string, wantCode int, wantText ...string) {
	t.Helper()
	if code != wantCode {
		t.Errorf("exit code %d, want %d", code, wantCode)
	}
	if !strings.HasPrefix(stderr, "umadb: ") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("standard error is not one sentence: %q", stderr)
	}
	for _, text := range wantText {
		if !strings.Contains(stderr, text) {
			t.Errorf("standard error %q does not mention %q", stderr, text)
		}
	}
}
