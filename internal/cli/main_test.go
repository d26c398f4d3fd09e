package cli_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/umadb-go/umadb/internal/cli"
)

// asProgram is the variable that makes the test binary run as umadb, for tests that need a
// process.
const asProgram = "CLI_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		program()
	}
	testscript.Main(withoutVariables{m}, map[string]func(){"umadb": program})
}

// program runs umadb's main function.
func program() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// withoutVariables runs the tests without the user's environment variables of umadb.
type withoutVariables struct{ m *testing.M }

func (w withoutVariables) Run() int {
	// In the background or with nohup, signals are ignored, and processes inherit that
	// unless they are handled here.
	for _, ignored := range []os.Signal{os.Interrupt, syscall.SIGHUP} {
		if signal.Ignored(ignored) {
			signal.Notify(make(chan os.Signal, 1), ignored)
		}
	}
	for _, setting := range os.Environ() {
		name, _, _ := strings.Cut(setting, "=")
		if strings.HasPrefix(name, "UMADB_") {
			os.Unsetenv(name)
		}
	}
	return w.m.Run()
}

// run runs a command with empty standard input.
func run(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Main(args, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// process is a running umadb.
type process struct {
	*exec.Cmd
	address string        // the address it listens on
	log     *bufio.Reader // the log after the line with the address
}

// start starts a server on a free port and waits until it listens.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p, err := launch(args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

// launch is like start, but the caller must end the server.
func launch(args ...string) (*process, error) {
	args = append([]string{"--listen", "127.0.0.1:0"}, args...)
	cmd := exec.Command(os.Args[0], append(args, "--log-format", "json")...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{Cmd: cmd, log: bufio.NewReader(stderr)}
	var output bytes.Buffer
	for {
		line, err := p.log.ReadBytes('\n')
		output.Write(line)
		if err != nil {
			p.kill()
			return nil, fmt.Errorf("the server ended before it listened: %w\n%s", err, output.Bytes())
		}
		var entry struct{ Msg, Address string }
		if json.Unmarshal(line, &entry) == nil && entry.Msg == "listening" {
			p.address = entry.Address
			return p, nil
		}
	}
}

// kill kills the process, as a crash would.
func (p *process) kill() {
	p.Process.Kill()
	p.Wait()
}

// exit waits for the end of the process and returns its exit code.
func (p *process) exit(t *testing.T) int {
	t.Helper()
	code, err := p.end()
	if err != nil {
		t.Error(err)
	}
	return code
}

// end waits for the end of the process, for 20 s at most.
func (p *process) end() (code int, err error) {
	late := time.AfterFunc(20*time.Second, func() { p.Process.Kill() })
	p.Wait()
	if !late.Stop() {
		err = errors.New("the program did not end within 20 s")
	}
	return p.ProcessState.ExitCode(), err
}

// wantError checks the exit code of a command, and that it printed a one-line error.
func wantError(t *testing.T, code int, stderr string, wantCode int, wantText ...string) {
	t.Helper()
	if code != wantCode {
		t.Errorf("exit code %d, want %d", code, wantCode)
	}
	if !strings.HasPrefix(stderr, "umadb: ") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("standard error is not one line: %q", stderr)
	}
	for _, text := range wantText {
		if !strings.Contains(stderr, text) {
			t.Errorf("standard error %q does not contain %q", stderr, text)
		}
	}
}
