package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/umadb-go/umadb"
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

// newStore creates a store with three events and closes it.
func newStore(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "uma.db")
	store, err := umadb.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		event := dcb.Event{Type: "Enrolled", Tags: []string{"course:1"}, Data: []byte(strings.Repeat("data", 20))}
		if _, err := store.Append(t.Context(), []dcb.Event{event}, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// report is the JSON output of check.
type report struct {
	OK       bool
	Path     string `json:"db_path"`
	Segments int
	Groups   int
	Events   int
	LogBytes int `json:"log_bytes"`
	Error    string

	Invariants []struct {
		ID, Verifies, Means, Remedy, Unit string

		Result string `json:"status"`
	}
	Problems []struct {
		Invariant string
		File      string
		Offset    int64
		What      string
		Remedy    string
	}
}

// result returns the result of an invariant.
func (r *report) result(id string) string {
	for _, i := range r.Invariants {
		if i.ID == id && i.Verifies != "" && i.Means != "" && i.Remedy != "" && i.Unit != "" {
			return i.Result
		}
	}
	return ""
}

func checkJSON(t *testing.T, dir string) (code int, r report, stderr string) {
	t.Helper()
	code, stdout, stderr := run("check", "--db-path", dir, "--json")
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatalf("%v in %q; standard error: %s", err, stdout, stderr)
	}
	return code, r, stderr
}

func TestCheckOfIntactStore(t *testing.T) {
	dir := newStore(t)
	code, stdout, stderr := run("check", "--db-path", dir)
	if code != 0 || stderr != "" || !strings.Contains(stdout, dir+": 3 events in ") || !strings.HasSuffix(stdout, "no problem found\n") {
		t.Errorf("exit code %d, output %q, standard error %q", code, stdout, stderr)
	}
	if !regexp.MustCompile(`(?m)^  ok +records +3 events$`).MatchString(stdout) || strings.Contains(stdout, "CORRUPT") || strings.Contains(stdout, "not reached") {
		t.Errorf("the results of the invariants are not printed: %q", stdout)
	}
	code, r, _ := checkJSON(t, dir)
	if code != 0 || r.result("records") != "ok" || !r.OK || r.Path != dir || r.Events != 3 || r.Segments != 1 || r.LogBytes == 0 || r.Problems == nil || len(r.Problems) != 0 {
		t.Errorf("exit code %d, report %+v", code, r)
	}
}

func TestCheckOfCorruptStore(t *testing.T) {
	dir := newStore(t)
	segment := corruptSegment(t, dir)
	code, stdout, stderr := run("check", "--db-path", dir)
	wantError(t, code, stderr, 6, "corruption detected: 1 problem in "+dir, "copy the directory")
	if !strings.Contains(stdout, segment+", byte ") {
		t.Errorf("the output does not name %s: %q", segment, stdout)
	}
	for _, line := range []string{`  ok +segments +1 segment`, `  CORRUPT +groups +0 groups: .+`, `  not reached +records +0 events`} {
		if !regexp.MustCompile("(?m)^" + line + "$").MatchString(stdout) {
			t.Errorf("no line matches %q: %q", line, stdout)
		}
	}
	code, r, stderr := checkJSON(t, dir)
	wantError(t, code, stderr, 6)
	if r.result("groups") != "corrupt" || r.result("records") != "not_reached" || r.result("segments") != "ok" {
		t.Errorf("the results are %+v", r.Invariants)
	}
	if r.OK || len(r.Problems) != 1 || r.Problems[0].Invariant != "groups" || !strings.HasSuffix(r.Problems[0].File, segment) || r.Problems[0].What == "" || r.Problems[0].Remedy == "" {
		t.Errorf("report %+v", r)
	}
}

// A torn end may come from a crash or from truncating the file, if it was not announced.
func TestCheckOfTornStore(t *testing.T) {
	dir := newStore(t)
	segment := segments(t, dir)[0]
	content, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	last := strings.LastIndex(string(content), "datadata")
	if err := os.Truncate(segment, int64(last)); err != nil {
		t.Fatal(err)
	}
	code, stdout, _ := run("check", "--db-path", dir)
	if code != 6 || !strings.Contains(stdout, "although group 3 was durable") || strings.Contains(stdout, "an incomplete commit") {
		t.Errorf("exit code %d, output %q", code, stdout)
	}
	if err := os.Remove(filepath.Join(dir, "HEAD")); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := run("check", "--db-path", dir)
	if code != 0 || stderr != "" || !strings.Contains(stdout, ": an incomplete commit; either a crash interrupted it before it was acknowledged, or the file was truncated; ") {
		t.Errorf("exit code %d, output %q, standard error %q", code, stdout, stderr)
	}
}

func TestServeRejectsCorruptStore(t *testing.T) {
	dir := newStore(t)
	corruptSegment(t, dir)
	code, _, stderr := run("--listen", "127.0.0.1:0", "--db-path", dir, "--log-level", "error")
	wantError(t, code, stderr, 6, "corruption detected: ", "umadb check --db-path")
}

func TestCheckFails(t *testing.T) {
	t.Run("missing directory", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "none")
		code, _, stderr := run("check", "--db-path", dir)
		wantError(t, code, stderr, 1, dir, "--db-path")
		if _, err := os.Stat(dir); err == nil {
			t.Error("check has created it")
		}
		code, r, stderr := checkJSON(t, dir)
		wantError(t, code, stderr, 1, dir)
		if r.OK || r.Path != dir || stderr != "umadb: "+r.Error+"\n" {
			t.Errorf("report %+v", r)
		}
	})
	t.Run("directory without a store", func(t *testing.T) {
		dir := t.TempDir()
		code, _, stderr := run("check", "--db-path", dir)
		wantError(t, code, stderr, 1, dir)
	})
	t.Run("store in use", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "uma.db")
		start(t, "--db-path", dir)
		code, _, stderr := run("check", "--db-path", dir)
		wantError(t, code, stderr, 1, dir, "stop the process")
		code, r, stderr := checkJSON(t, dir)
		wantError(t, code, stderr, 1, dir)
		if r.OK || r.Error == "" {
			t.Errorf("report %+v", r)
		}
	})
	t.Run("empty path", func(t *testing.T) {
		code, r, stderr := checkJSON(t, "")
		wantError(t, code, stderr, 2, "--db-path")
		if r.OK || r.Error == "" {
			t.Errorf("report %+v", r)
		}
	})
}

// A store without its log is corrupt.
func TestCheckOfStoreWithoutLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "uma.db")
	store, err := store.Open(dir, &store.Options{BlockEvents: 1})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second append starts the flush of the first
		if _, err := store.Append(t.Context(), []dcb.Event{{Type: "T"}}, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "a block", func() bool {
		found, _ := filepath.Glob(filepath.Join(dir, "index", "*.idx"))
		return len(found) > 0
	})
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "log")); err != nil {
		t.Fatal(err)
	}
	code, r, stderr := checkJSON(t, dir)
	wantError(t, code, stderr, 6)
	if r.result("segments") != "corrupt" || r.result("index") != "not_reached" {
		t.Errorf("report %+v", r)
	}
}

// corruptSegment flips one bit in the data of the first event, and returns the name of the file.
func corruptSegment(t *testing.T, dir string) (segment string) {
	t.Helper()
	file := segments(t, dir)[0]
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(content), "datadata")
	if at < 0 {
		t.Fatal("the event is not in the first segment")
	}
	content[at] ^= 1
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Base(file)
}

// segments returns the files of a store's log.
func segments(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "log", "*.log"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no segments: %v", err)
	}
	return files
}
