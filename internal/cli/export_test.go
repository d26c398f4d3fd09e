package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

func TestExportOfServerEqualsExportOfDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "source")
	openStore(t, dir, func(s *store.Store) {
		for i := range uint64(3000) {
			if _, err := s.Append(t.Context(), []dcb.Event{{Type: "T"}}, nil, &dcb.TrackingInfo{Source: "web", Position: i}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Append(t.Context(), nil, nil, &dcb.TrackingInfo{Source: "alone", Position: 7}); err != nil {
			t.Fatal(err)
		}
	})
	lines := export(t, "--db-path", dir)
	server := start(t, "serve", "--db-path", dir)
	got := export(t, "--url", "http://"+server.address, "--tracking-source", "alone", "--tracking-source", "web", "--tracking-source", "alone")
	if got != lines {
		t.Errorf("the export of the server has %d bytes, that of the directory %d", len(got), len(lines))
	}
}

func TestExportOfEmptyStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "source")
	openStore(t, dir, func(*store.Store) {})
	lines := export(t, "--db-path", dir)
	if lines != `{"end":{"head":0,"crc32c":"00000000"}}`+"\n" {
		t.Errorf("the export is %q", lines)
	}
	copied := filepath.Join(t.TempDir(), "copy")
	if code, _, stderr := runWithStdin(strings.NewReader(lines), "import", "--db-path", copied); code != 0 {
		t.Error(stderr)
	}
	server := start(t, "serve", "--db-path", dir)
	if got := export(t, "--url", "http://"+server.address); got != lines {
		t.Errorf("the export of the server is %q", got)
	}
}

func TestExportNeverOverwrites(t *testing.T) {
	dir, _ := newVariedStore(t)
	file := filepath.Join(t.TempDir(), "events.ndjson")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := run("export", "--db-path", dir, "--output", file)
	wantError(t, code, stderr, 1, "already exists")
	if content, _ := os.ReadFile(file); string(content) != "mine" {
		t.Errorf("the file changed to %q", content)
	}
}

func TestExportThatFailsLeavesNoFile(t *testing.T) {
	dir, _ := newVariedStore(t)
	segments, err := filepath.Glob(filepath.Join(dir, "log", "*.log"))
	if err != nil || len(segments) == 0 {
		t.Fatal(err)
	}
	content, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	content[700] ^= 1
	if err := os.WriteFile(segments[0], content, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"events.ndjson", "events.csv", "events.csv.zst", "events.parquet"} {
		folder := t.TempDir()
		code, _, stderr := run("export", "--db-path", dir, "--output", filepath.Join(folder, name))
		wantError(t, code, stderr, 6)
		if left, _ := os.ReadDir(folder); len(left) > 0 {
			t.Errorf("files left: %v", left)
		}
	}
}

func TestCopyingRejectsInvalidFlags(t *testing.T) {
	for name, args := range map[string][]string{
		"file and server":            {"import", "events.ndjson", "--from", "http://127.0.0.1:1"},
		"follow a file":              {"import", "events.ndjson", "--follow"},
		"tracking sources of a file": {"import", "events.ndjson", "--tracking-source", "web"},
		"two files":                  {"import", "a", "b"},
		"import into a server":       {"import", "a", "--url", "http://127.0.0.1:1"},
		"empty output":               {"export", "--output", ""},
		"empty address":              {"import", "--from", ""},
		"invalid address":            {"import", "--from", "ftp://127.0.0.1:1"},
		"missing CA file":            {"import", "--from", "https://127.0.0.1:1", "--ca", "absent.pem"},
		"import into an empty path":  {"import", "a", "--db-path", ""},
		"export with URL and path":   {"export", "--db-path", "x", "--url", "http://127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := run(args...)
			wantError(t, code, stderr, 2)
		})
	}
	absent := filepath.Join(t.TempDir(), "absent")
	code, _, stderr := run("import", absent, "--db-path", absent+".db")
	wantError(t, code, stderr, 1, "absent")
	code, _, stderr = run("import", absent+"\nfile", "--db-path", absent+".db")
	wantError(t, code, stderr, 1, "cannot open ", `absent\nfile": `)
	code, _, stderr = run("import", "--from", "http://127.0.0.1:1", "--db-path", absent+".db")
	wantError(t, code, stderr, 5)
	if _, err := os.Stat(absent + ".db"); err == nil {
		t.Error("a failed import created a store")
	}
}
