package interop_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// reader is somebody who follows a document in an empty folder.
type reader struct {
	t           *testing.T
	page        string
	dir         string
	state       string // a file: the variables and the folder of the main terminal
	environment []string
	ports       *strings.Replacer // from those of the document to free ones
	terminals   []*terminal       // where something runs, in the order of starting
	output      string            // of the last block in the main terminal
}

// The lines by which pages install a Python package.
const (
	installReleasedLine = "venv/bin/pip install umadb==" + releasedVersion
	installOursLine     = "venv/bin/pip install ./python"
)

// newReader makes the folder and puts there what pages take as given: the
// program that they build, and the Python environment that they make.
func newReader(t *testing.T, page string) *reader {
	t.Helper()
	program, err := ours()
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
	}
	if page == "README.md" || strings.HasPrefix(page, "docs/cli/") {
		files, err := writeCertificate(r.dir)
		if err != nil {
			t.Fatal(err)
		}
		links["server.pem"], links["server.key"] = files.cert, files.key
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
			r.press(r.terminals[len(r.terminals)-1].name)
		}
	})
	return r
}

// prepareEnvironment finds free ports, also where the page leaves the port to the
// default, and makes our module that which Go programs import.
func (r *reader) prepareEnvironment() {
	r.t.Helper()
	address, second := freeAddress(r.t), freeAddress(r.t)
	_, port, _ := net.SplitHostPort(address)
	_, secondPort, _ := net.SplitHostPort(second)
	r.ports = strings.NewReplacer("50051", port, "50052", secondPort, "0.0.0.0", "127.0.0.1")
	workspace := filepath.Join(r.t.TempDir(), "go.work")
	content := "go " + strings.TrimPrefix(runtime.Version(), "go") + "\nuse " + repository() + "\nuse " + r.dir + "\n"
	for name, text := range map[string]string{workspace: content, r.state: ""} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	r.environment = append(os.Environ(),
		"PATH="+filepath.Join(r.dir, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"),
		"UMADB_LISTEN="+address, "UMADB_URL=http://"+address,
		"PYTHONDONTWRITEBYTECODE=1", "GOWORK="+workspace, "GOFLAGS=-mod=readonly", "NO_COLOR=1")
}

// follow does what the blocks say, in their order.
func (r *reader) follow(blocks []codeBlock) {
	r.t.Helper()
	for _, block := range blocks {
		text := r.ports.Replace(block.text)
		switch {
		case block.language == ctrlC:
			r.press(block.argument)
		case block.language == "sh" && block.argument == "":
			r.typeInMain(block.line, r.given(text))
		case block.language == "sh":
			r.typeInOther(block.argument, r.given(text))
		case block.language == "text":
			r.wantPromise(block, text)
		case block.language == "go" && block.argument == "":
			r.runGo(text)
		case block.argument != "":
			r.save(block.argument, text)
		case !isShown(block.language):
			r.t.Errorf("line %d of %s: %q code cannot be tried", block.line, r.page, block.language)
		}
	}
}

// given takes away the lines whose outcome newReader has put there. What is left
// are lines to be typed.
func (r *reader) given(text string) string {
	r.t.Helper()
	var left strings.Builder
	for line := range strings.Lines(text) {
		command := strings.TrimSpace(line)
		switch {
		case command == "git clone https://github.com/umadb-go/umadb", command == "cd umadb",
			command == "go install github.com/umadb-go/umadb/cmd/umadb@latest",
			command == "go get github.com/umadb-go/umadb@latest",
			command == "python3 -m venv venv", command == installReleasedLine, command == installOursLine:
		case strings.HasPrefix(command, "make "):
			wantTarget(r.t, command)
		default:
			left.WriteString(line)
		}
	}
	return left.String()
}

// typeInMain runs a block to its end. Variables and the folder are kept for the
// next one.
func (r *reader) typeInMain(line int, text string) {
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

// typeInOther leaves a block running in a terminal. What ran there before gets
// Ctrl-C.
func (r *reader) typeInOther(name, text string) {
	r.t.Helper()
	if slices.ContainsFunc(r.terminals, func(o *terminal) bool { return o.name == name }) {
		r.press(name)
	}
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(text, "\\\n", " ")), "\n")
	last := len(lines) - 1
	lines[last] = "exec " + lines[last] // so that it is the process that gets the signal
	command := exec.Command("bash", "-ec", strings.Join(lines, "\n"))
	command.Dir, command.Env = r.dir, r.environment
	o := open(r.t, name, command)
	r.terminals = append(r.terminals, o)
	if strings.HasSuffix(name, "server") {
		o.listens(r.t, r.addressIn(text))
	}
}

// addressIn gives the address that a server will listen on.
func (r *reader) addressIn(text string) string {
	if match := regexp.MustCompile(`--listen \S+:(\d+)`).FindStringSubmatch(text); match != nil {
		return "127.0.0.1:" + match[1]
	}
	return r.ports.Replace("127.0.0.1:50051")
}

// press types Ctrl-C in a terminal.
func (r *reader) press(name string) {
	r.t.Helper()
	i := slices.IndexFunc(r.terminals, func(o *terminal) bool { return o.name == name })
	if i < 0 {
		r.t.Fatalf("%s: nothing runs in the terminal %q", r.page, name)
	}
	o := r.terminals[i]
	r.terminals = slices.Delete(r.terminals, i, i+1)
	o.press(r.t)
}

// wantPromise compares what a block promises with what a terminal shows.
func (r *reader) wantPromise(block codeBlock, promise string) {
	r.t.Helper()
	output, kept := r.output, false
	if block.argument == "" {
		kept = keeps(promise, output)
	} else if i := slices.IndexFunc(r.terminals, func(o *terminal) bool { return o.name == block.argument }); i >= 0 {
		kept = r.terminals[i].shows(promise)
		output = r.terminals[i].screen.String()
	}
	if !kept {
		r.t.Errorf("line %d of %s promises\n%s\nbut the output is\n%s", block.line, r.page, promise, output)
	}
}

func (r *reader) save(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// runGo builds a program as part of this module, and runs it.
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
		r.t.Errorf("the program of %s: %v\n%s", r.page, err, stderr.String())
	}
	r.output = string(output)
}
