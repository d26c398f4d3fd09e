package interop_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// What README.md tells people to type is typed here, from top to bottom, and
// what it says that they will see is compared.
func TestReadme(t *testing.T) {
	r := newReader(t)
	for _, block := range codeBlocks(t, "README.md") {
		switch block.language {
		case "sh":
			for line := range strings.Lines(block.text) {
				r.typeLine(strings.TrimSpace(line))
			}
		case "python":
			r.save("enrol.py", block.text)
		case "go":
			r.runGo(block.text)
		case "text":
			if block.text != r.output {
				t.Errorf("line %d of README.md promises\n%s\nbut the output is\n%s", block.line, block.text, r.output)
			}
		default:
			t.Errorf("line %d of README.md: %q code cannot be tried", block.line, block.language)
		}
	}
}

func TestContributing(t *testing.T) {
	for _, block := range codeBlocks(t, "CONTRIBUTING.md") {
		for line := range strings.Lines(block.text) {
			wantTarget(t, strings.TrimSpace(line))
		}
	}
}

func TestLinksInDocuments(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]+)(#[^)]*)?\)`)
	for _, document := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} {
		for _, match := range link.FindAllStringSubmatch(readDocument(t, document), -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(repository(), match[1])); err != nil {
				t.Errorf("%s: %v", document, err)
			}
		}
	}
}

// codeBlock is a fenced block of a document.
type codeBlock struct {
	language, text string
	line           int
}

func codeBlocks(t *testing.T, document string) (blocks []codeBlock) {
	t.Helper()
	within, number := false, 0
	for line := range strings.Lines(readDocument(t, document)) {
		number++
		language, fence := strings.CutPrefix(strings.TrimRight(line, "\n"), "```")
		switch {
		case fence && within:
			within = false
		case fence:
			within = true
			blocks = append(blocks, codeBlock{language: language, line: number})
		case within:
			blocks[len(blocks)-1].text += line
		}
	}
	if within || len(blocks) == 0 {
		t.Fatalf("%s: a block does not end, or there is none", document)
	}
	return blocks
}

func readDocument(t *testing.T, document string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(repository(), document))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// reader is somebody who follows the README in an empty folder.
type reader struct {
	t           *testing.T
	dir         string
	port        string // that stands for the one in the document
	environment []string
	servers     []*exec.Cmd
	output      string // of the last program
}

func newReader(t *testing.T) *reader {
	t.Helper()
	program, err := ours()
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{t: t, dir: t.TempDir(), environment: append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")}
	address := freeAddress(t)
	_, r.port, _ = net.SplitHostPort(address)
	r.environment = append(r.environment, "UMADB_LISTEN="+address) // where no line says so
	files, err := writeCertificate(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{
		"bin/umadb":  program,
		"venv":       filepath.Dir(released(t)),
		"server.pem": files.cert,
		"server.key": files.key,
	} {
		link := filepath.Join(r.dir, name)
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(r.stopServers)
	return r
}

// typeLine does what a line of shell says.
func (r *reader) typeLine(line string) {
	r.t.Helper()
	words := strings.Fields(r.adapt(line))
	switch {
	case line == "git clone https://github.com/umadb-go/umadb", line == "cd umadb":
	case line == "python3 -m venv venv", line == "venv/bin/pip install umadb=="+releasedVersion:
		// newReader has put that environment there.
	case words[0] == "make":
		wantTarget(r.t, line)
	case words[0] == "export":
		r.environment = append(r.environment, words[1])
	case words[0] == "venv/bin/python":
		r.run(words)
	case words[0] == "bin/umadb" && slices.Contains(words, "check"):
		r.stopServers()
		r.run(words)
	case words[0] == "bin/umadb":
		r.serve(words)
	default:
		r.t.Errorf("README.md says %q, which cannot be tried", line)
	}
}

// adapt puts our port in the place of the document's, on this machine only.
func (r *reader) adapt(text string) string {
	return strings.NewReplacer("50051", r.port, "0.0.0.0", "127.0.0.1").Replace(text)
}

func (r *reader) save(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(r.adapt(text)), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *reader) command(words []string) *exec.Cmd {
	command := exec.Command(words[0], words[1:]...)
	command.Dir, command.Env = r.dir, r.environment
	return command
}

// run runs a program to its end.
func (r *reader) run(words []string) {
	r.t.Helper()
	command := r.command(words)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		r.t.Errorf("%v: %v\n%s", words, err, stderr.String())
	}
	r.output = string(output)
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
	r.run([]string{program})
}

// serve starts a server and waits until it listens.
func (r *reader) serve(words []string) {
	r.t.Helper()
	r.stopServers()
	server := r.command(words)
	stderr, err := server.StderrPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.servers = append(r.servers, server)
	log := bufio.NewScanner(stderr)
	for log.Scan() {
		if strings.Contains(log.Text(), "msg=listening") {
			go io.Copy(io.Discard, stderr)
			return
		}
	}
	r.t.Fatalf("%v has ended before it listened", words)
}

// stopServers types Ctrl-C.
func (r *reader) stopServers() {
	for _, server := range r.servers {
		server.Process.Signal(syscall.SIGINT)
		if err := server.Wait(); err != nil {
			r.t.Errorf("a server ended with %v", err)
		}
	}
	r.servers = nil
}

// wantTarget checks that a command is a target of the Makefile. Those that the
// documents name are run by .ci/run.
func wantTarget(t *testing.T, line string) {
	t.Helper()
	target, isMake := strings.CutPrefix(line, "make ")
	makefile := readDocument(t, "Makefile")
	if !isMake || !strings.Contains(makefile, "\n"+target+":") {
		t.Errorf("%q is no target of the Makefile", line)
	}
}
