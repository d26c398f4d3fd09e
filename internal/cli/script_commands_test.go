package cli_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/umadb-go/umadb/internal/servertest"
)

// exitCodeCommand implements "exitcode N program [arguments...]".
func exitCodeCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode N program [arguments...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exited *exec.ExitError
	if errors.As(err, &exited) {
		got = exited.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// oneLineCommand implements "oneline FILE".
func oneLineCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: oneline FILE")
	}
	text := ts.ReadFile(args[0])
	if !strings.HasPrefix(text, "umadb: ") || strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "\n") {
		ts.Fatalf("%s is not one line of umadb: %q", args[0], text)
	}
}

// awaitCommand implements "await PATTERN FILE".
func awaitCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await PATTERN FILE")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	file := ts.MkAbs(args[1])
	var content []byte
	for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		content, err = os.ReadFile(file)
		if err == nil && pattern.Match(content) {
			return
		}
	}
	ts.Fatalf("%s does not match %q within a minute: %v %q", args[1], args[0], err, content)
}

// writeCommand implements "write FILE TEXT".
func writeCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: write FILE TEXT")
	}
	text, err := strconv.Unquote(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

var recordedAt = regexp.MustCompile(`"recorded_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",`)

var recordedLine = regexp.MustCompile(`(?m)^  recorded \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\n`)

// untimedCommand implements "untimed FROM TO".
func untimedCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: untimed FROM TO")
	}
	text := recordedLine.ReplaceAllString(ts.ReadFile(args[0]), "")
	if timed, lines := len(recordedAt.FindAllString(text, -1)), strings.Count(text, "\n"); timed != 0 && timed != lines {
		ts.Fatalf("%d of %d lines have recorded_at", timed, lines)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(recordedAt.ReplaceAllString(text, "")), 0o600))
}

// certificateCommand implements "certificate".
func certificateCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: certificate")
	}
	_, err := servertest.WriteCertificate(ts.MkAbs("."))
	ts.Check(err)
}

// corruptCommand implements "corrupt DIRECTORY TEXT".
func corruptCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: corrupt DIRECTORY TEXT")
	}
	files, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "log", "*.log"))
	ts.Check(err)
	for _, file := range files {
		content, err := os.ReadFile(file)
		ts.Check(err)
		if at := bytes.Index(content, []byte(args[1])); at >= 0 {
			content[at] ^= 1
			ts.Check(os.WriteFile(file, content, 0o600))
			return
		}
	}
	ts.Fatalf("there is no %q in the %d segments of %s", args[1], len(files), args[0])
}
