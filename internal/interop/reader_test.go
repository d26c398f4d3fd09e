package interop_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/servertest"
)

// reader executes the code blocks of a document in an empty directory.
type reader struct {
	t           *testing.T
	page        string
	dir         string
	state       string // file with the variables and the directory of the main terminal
	environment []string
	ports       *strings.Replacer // replaces the ports of the document by free ones
	terminals   []*terminal       // with a running command, in the order of starting
	output      string            // of the last block in the main terminal

	replacements []string // of ports
}

// The commands in documents that install a Python package.
const (
	installReleasedLine = "venv/bin/pip install umadb==" + servertest.ReleasedVersion
	installOursLine     = "venv/bin/pip install ./python"
	installDuckDBLine   = "venv/bin/pip install duckdb-cli"
)

// installGrpcurlLine is the command in documents that installs grpcurl.
const installGrpcurlLine = "go install " + grpcurlModule

// newReader creates the directory with the results of the commands that are not
// executed: the program and the Python environment.
func newReader(t *testing.T, page string) *reader {
	t.Helper()
	program, err := buildServer()
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{t: t, page: page, dir: t.TempDir(), state: filepath.Join(t.TempDir(), "state")}
	links := map[string]string{"bin/umadb": program}
	switch text := readDocument(t, page); {
	case strings.Contains(text, installReleasedLine):
		links["venv"] = filepath.Dir(released(t))
	case strings.Contains(text, installOursLine):
		links["venv"] = filepath.Dir(ourPackage(t))
	case strings.Contains(text, installDuckDBLine):
		links["venv"] = filepath.Dir(servertest.OrSkip(t, installTableReaders))
	case strings.Contains(text, installGrpcurlLine):
		links["bin/grpcurl"] = servertest.OrSkip(t, installGrpcurl)
	case strings.Contains(text, getSQLiteLine):
		servertest.OrSkip(t, compileSQLite)
	}
	if page == "README.md" || strings.HasPrefix(page, "docs/cli/") {
		files, err := servertest.WriteCertificate(r.dir)
		if err != nil {
			t.Fatal(err)
		}
		links["server.pem"], links["server.key"] = files.Cert, files.Key
	}
	for name, target := range links {
		link := filepath.Join(r.dir, name)
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	r.prepareEnvironment()
	t.Cleanup(func() {
		for len(r.terminals) > 0 {
			r.interrupt(r.terminals[len(r.terminals)-1].name)
		}
	})
	return r
}

// prepareEnvironment replaces ports, also the default port, by free ones, and makes
// Go programs import this module.
func (r *reader) prepareEnvironment() {
	r.t.Helper()
	address, second, console := servertest.Address(r.t), servertest.Address(r.t), servertest.Address(r.t)
	_, port, _ := net.SplitHostPort(address)
	_, secondPort, _ := net.SplitHostPort(second)
	_, consolePort, _ := net.SplitHostPort(console)
	r.replacements = []string{"50051", port, "50052", secondPort, "50080", consolePort}
	r.replace("0.0.0.0", "127.0.0.1")
	workspace := filepath.Join(r.t.TempDir(), "go.work")
	for name, text := range map[string]string{workspace: workspaceWith(r.dir), r.state: ""} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	r.environment = append(os.Environ(),
		"PATH="+filepath.Join(r.dir, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"),
		"UMADB_LISTEN="+address, "UMADB_URL=http://"+address,
		"PYTHONDONTWRITEBYTECODE=1", "GOWORK="+workspace, "GOFLAGS=-mod=readonly", "NO_COLOR=1")
}

// workspaceWith returns the file go.work with which the programs in a directory import this module.
func workspaceWith(dir string) string {
	return "go " + strings.TrimPrefix(runtime.Version(), "go") + "\nuse " + repository() + "\nuse " + dir + "\n"
}

// follow executes the blocks in order.
func (r *reader) follow(blocks []codeBlock) {
	r.t.Helper()
	for _, block := range blocks {
		text := r.ports.Replace(block.text)
		switch {
		case block.language == ctrlC:
			r.interrupt(block.argument)
		case block.language == "sh" && block.argument == "":
			r.runInMain(block.line, r.withoutPrepared(text))
		case block.language == "sh":
			r.runInTerminal(block.argument, r.withoutPrepared(text))
		case block.language == "text":
			r.wantOutput(block, text)
		case block.language == "go" && block.argument == "":
			r.runGo(text)
		case block.argument != "":
			r.save(block.argument, text)
		case !isDisplayOnly(block.language):
			r.t.Errorf("line %d of %s: %q code cannot be executed", block.line, r.page, block.language)
		}
	}
}

// withoutPrepared removes the commands whose result newReader has prepared.
func (r *reader) withoutPrepared(text string) string {
	r.t.Helper()
	var left strings.Builder
	for line := range strings.Lines(text) {
		command := strings.TrimSpace(line)
		switch {
		case command == "git clone https://github.com/umadb-go/umadb", command == "cd umadb",
			command == "go install github.com/umadb-go/umadb/cmd/umadb@latest",
			command == "go get github.com/umadb-go/umadb@latest",
			command == "python3 -m venv venv", command == installReleasedLine, command == installOursLine, command == installDuckDBLine, command == installGrpcurlLine:
		case strings.HasPrefix(command, "make "):
			wantTarget(r.t, command)
		default:
			left.WriteString(line)
		}
	}
	return left.String()
}

// runInMain runs a block in the main terminal and waits for its end. Variables and
// the directory are kept for the next block.
func (r *reader) runInMain(line int, text string) {
	r.t.Helper()
	if text == "" {
		return
	}
	script := ". \"$0\"\n" + text + "\n{ export -p; printf 'cd %q\\n' \"$PWD\"; } >\"$0\"\n"
	ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "bash", "-ec", script, r.state)
	command.Dir, command.Env, command.WaitDelay = r.dir, r.environment, 5*time.Second
	output, err := command.CombinedOutput()
	r.output = string(output)
	if err != nil {
		r.t.Fatalf("line %d of %s: %v\n%s", line, r.page, err, output)
	}
}

// runInTerminal starts a block in the named terminal. A command that is running
// there is interrupted first.
func (r *reader) runInTerminal(name, text string) {
	r.t.Helper()
	if slices.ContainsFunc(r.terminals, func(o *terminal) bool { return o.name == name }) {
		r.interrupt(name)
	}
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(text, "\\\n", " ")), "\n")
	last := len(lines) - 1
	lines[last] = "exec " + lines[last] // so that the command itself receives the signal
	command := exec.Command("bash", "-ec", strings.Join(lines, "\n"))
	command.Dir, command.Env = r.dir, r.environment
	var process *servertest.Process
	var err error
	if strings.HasSuffix(name, "server") {
		process, err = servertest.StartUmaDB(r.t.Context(), command)
	} else {
		process, err = servertest.Start(command)
	}
	if err != nil {
		r.t.Fatalf("terminal %q: %v", name, err)
	}
	r.terminals = append(r.terminals, &terminal{name, process})
}

// interrupt presses Ctrl-C in the named terminal.
func (r *reader) interrupt(name string) {
	r.t.Helper()
	i := slices.IndexFunc(r.terminals, func(o *terminal) bool { return o.name == name })
	if i < 0 {
		r.t.Fatalf("%s: no command is running in the terminal %q", r.page, name)
	}
	o := r.terminals[i]
	r.terminals = slices.Delete(r.terminals, i, i+1)
	o.interrupt(r.t)
}

// wantOutput compares the documented output of a block with the output of a terminal.
func (r *reader) wantOutput(block codeBlock, want string) {
	r.t.Helper()
	output, ok := r.output, false
	if block.argument == "" {
		ok = matchesOutput(want, output)
	} else if i := slices.IndexFunc(r.terminals, func(o *terminal) bool { return o.name == block.argument }); i >= 0 {
		ok = r.terminals[i].waitForOutput(want)
		output = r.terminals[i].process.Output.String()
	}
	if !ok {
		r.t.Errorf("line %d of %s: output is\n%s\nwant\n%s", block.line, r.page, output, want)
	}
}

func (r *reader) save(name, text string) {
	r.t.Helper()
	file := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// runGo builds a program as part of this module and runs it.
func (r *reader) runGo(text string) {
	r.t.Helper()
	r.save("main.go", text)
	program := filepath.Join(r.dir, "program")
	build := exec.Command("go", "build", "-o", program, filepath.Join(r.dir, "main.go"))
	build.Dir = repository()
	if output, err := build.CombinedOutput(); err != nil {
		r.t.Fatalf("%v\n%s", err, output)
	}
	command := exec.Command(program)
	command.Dir, command.Env = r.dir, r.environment
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		r.t.Errorf("Go program of %s: %v\n%s", r.page, err, stderr.String())
	}
	r.output = string(output)
}
