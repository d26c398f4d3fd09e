package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/umadb-go/umadb"
	"github.com/umadb-go/umadb/dcb"
)

// fill makes a store with three events and closes it.
func fill(t *testing.T) (dir string) {
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

// report is what check prints with --json.
type report struct {
	OK       bool
	Path     string `json:"db_path"`
	Segments int
	Groups   int
	Events   int
	LogBytes int `json:"log_bytes"`
	Problems []struct {
		File   string
		Offset int64
		What   string
		Remedy string
	}
}

func checkJSON(t *testing.T, dir string) (code int, r report, stderr string) {
	t.Helper()
	code, stdout, stderr := run("check", "--db-path", dir, "--json")
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatalf("%v in %q; standard error: %s", err, stdout, stderr)
	}
	return code, r, stderr
}

func TestCheckOfASoundStore(t *testing.T) {
	dir := fill(t)
	code, stdout, stderr := run("check", "--db-path", dir)
	if code != 0 || stderr != "" || !strings.Contains(stdout, dir+": 3 events in ") || !strings.HasSuffix(stdout, "no problem found\n") {
		t.Errorf("exit code %d, output %q, standard error %q", code, stdout, stderr)
	}
	code, r, _ := checkJSON(t, dir)
	if code != 0 || !r.OK || r.Path != dir || r.Events != 3 || r.Segments != 1 || r.LogBytes == 0 || r.Problems == nil || len(r.Problems) != 0 {
		t.Errorf("exit code %d, report %+v", code, r)
	}
}

func TestCheckOfADamagedStore(t *testing.T) {
	dir := fill(t)
	segment := damage(t, dir)
	code, stdout, stderr := run("check", "--db-path", dir)
	wantError(t, code, stderr, 6, "corruption detected: 1 problem in "+dir, "copy the directory")
	if !strings.Contains(stdout, segment+", byte ") {
		t.Errorf("the output does not name %s: %q", segment, stdout)
	}
	code, r, stderr := checkJSON(t, dir)
	wantError(t, code, stderr, 6)
	if r.OK || len(r.Problems) != 1 || !strings.HasSuffix(r.Problems[0].File, segment) || r.Problems[0].What == "" || r.Problems[0].Remedy == "" {
		t.Errorf("report %+v", r)
	}
}

func TestServeRefusesADamagedStore(t *testing.T) {
	dir := fill(t)
	damage(t, dir)
	code, _, stderr := run("--listen", "127.0.0.1:0", "--db-path", dir, "--log-level", "error")
	wantError(t, code, stderr, 6, "corruption detected: ", "umadb check --db-path")
}

func TestCheckRefuses(t *testing.T) {
	t.Run("a directory that is not there", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "none")
		code, _, stderr := run("check", "--db-path", dir)
		wantError(t, code, stderr, 1, dir, "--db-path")
		if _, err := os.Stat(dir); err == nil {
			t.Error("check has made it")
		}
	})
	t.Run("a directory that is no store", func(t *testing.T) {
		dir := t.TempDir()
		code, _, stderr := run("check", "--db-path", dir)
		wantError(t, code, stderr, 1, dir)
	})
	t.Run("a store that is in use", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "uma.db")
		start(t, "--db-path", dir)
		code, _, stderr := run("check", "--db-path", dir)
		wantError(t, code, stderr, 1, dir)
	})
}

// damage changes one byte of the first event's data, and gives the file's name.
func damage(t *testing.T, dir string) (segment string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "log", "*.log"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no segments: %v", err)
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(content), "datadata")
	if at < 0 {
		t.Fatal("the event is not in the first segment")
	}
	content[at] ^= 1
	if err := os.WriteFile(files[0], content, 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Base(files[0])
}
