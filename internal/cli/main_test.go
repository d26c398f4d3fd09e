package cli_test

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/umadb-go/umadb/internal/cli"
	"github.com/umadb-go/umadb/internal/eventtable/parquet"
	"github.com/umadb-go/umadb/internal/servertest"
)

// asProgram is the variable that makes the test binary run as umadb, for tests that need a
// process.
const asProgram = "CLI_TEST_AS_PROGRAM"

// extensions are those of the umadb program, without engines of shared logs.
var extensions = cli.Extensions{Parquet: parquet.New}

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		program()
	}
	testscript.Main(withoutVariables{m}, map[string]func(){"umadb": program})
}

// program runs umadb's main function.
func program() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, extensions))
}

// withoutVariables runs the tests without the user's environment variables of umadb.
type withoutVariables struct{ m *testing.M }

func (w withoutVariables) Run() int {
	servertest.ResetIgnoredSignals()
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
	code = cli.Main(args, strings.NewReader(""), &out, &errs, extensions)
	return code, out.String(), errs.String()
}

// process is a running server.
type process struct {
	*servertest.Process
	address string // the address it listens on
	read    int    // length of the part of the log that nextLine has returned
}

// start starts a server on a free port and waits until it listens.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p, err := launch(args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// launch is like start, but the caller must end the server.
func launch(args ...string) (*process, error) {
	running, address, err := servertest.StartOnFreePort(context.Background(), quietly(args...))
	if err != nil {
		return nil, err
	}
	p := &process{running, address, 0}
	for !strings.Contains(p.nextLine(), `"listening"`) {
	}
	return p, nil
}

// nextLine waits for the next line of the log. The line is empty if there is none in time.
func (p *process) nextLine() (line string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	complete := p.Output.Await(ctx, func(log string) (complete bool) {
		line, _, complete = strings.Cut(log[p.read:], "\n")
		return complete
	})
	if !complete {
		return ""
	}
	p.read += len(line) + 1
	return line
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
