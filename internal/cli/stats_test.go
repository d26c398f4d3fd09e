package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/umadb-go/umadb"
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/servertest"
	"github.com/umadb-go/umadb/server"
)

// newCountedStore creates a store with seven events and a tracking-only record.
func newCountedStore(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "uma.db")
	store, err := umadb.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 7 {
		event := dcb.Event{Type: "Left", Tags: []string{"all", fmt.Sprint("n:", i), "all"}, Data: make([]byte, 1000)}
		if i < 4 {
			event.Type = "Joined\x1b[31m"
		}
		tracking := &dcb.TrackingInfo{Source: "web", Position: uint64(i)}
		if _, err := store.Append(t.Context(), []dcb.Event{event}, nil, tracking); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.Append(t.Context(), nil, nil, &dcb.TrackingInfo{Source: "alone", Position: 1}); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// ranking is the JSON output of stats for types or tags.
type ranking struct {
	Distinct int
	Top      []struct {
		Name   string
		Events int
	}
}

// statistics is the JSON output of stats.
type statistics struct {
	Path            string `json:"db_path"`
	URL             string
	Head, Events    int
	FirstCommit     string `json:"first_commit"`
	Segments        int
	LogBytes        int `json:"log_bytes"`
	DiskBytes       int `json:"disk_bytes"`
	Uncovered       int `json:"uncovered_events"`
	DataBytes       int `json:"data_bytes"`
	Types, Tags     ranking
	Sources         int     `json:"tracking_sources"`
	SourcesOnEvents ranking `json:"tracking_sources_on_events"`
}

func statsJSON(t *testing.T, args ...string) (s statistics) {
	t.Helper()
	code, stdout, stderr := run(append([]string{"stats", "--json"}, args...)...)
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, standard error %q", code, stderr)
	}
	if err := json.Unmarshal([]byte(stdout), &s); err != nil {
		t.Fatalf("%v in %q", err, stdout)
	}
	if s.Head != 7 || s.Events != 7 || s.Types.Distinct != 2 || s.Tags.Distinct != 8 {
		t.Errorf("counted %+v", s)
	}
	return s
}

func TestStatsOfDirectory(t *testing.T) {
	dir := newCountedStore(t)
	s := statsJSON(t, "--db-path", dir, "--top", "1")
	if s.Path != dir || s.Segments != 1 || s.LogBytes < 7000 || s.DiskBytes < s.LogBytes || s.Uncovered != 7 || s.Sources != 2 || s.FirstCommit == "" {
		t.Errorf("counted %+v", s)
	}
	if len(s.Types.Top) != 1 || s.Types.Top[0].Name != "Joined\x1b[31m" || s.Types.Top[0].Events != 4 || len(s.Tags.Top) != 1 || s.Tags.Top[0].Events != 7 {
		t.Errorf("ranked %+v, %+v", s.Types, s.Tags)
	}
	code, stdout, stderr := run("stats", "--db-path", dir)
	if code != 0 || stderr != "" || strings.Contains(stdout, "\x1b") {
		t.Errorf("exit code %d, standard error %q, output %q", code, stderr, stdout)
	}
	for _, line := range []string{"  events            7\n", " KiB in 1 segment\n", "  tracking sources  2\n", "  4  \"Joined\\x1b[31m\"\n  3  Left\n", "  7  all\n  1  n:0\n"} {
		if !strings.Contains(stdout, line) {
			t.Errorf("the output lacks %q: %q", line, stdout)
		}
	}
}

func TestStatsOfServer(t *testing.T) {
	dir := newCountedStore(t)
	want := statsJSON(t, "--db-path", dir, "--top", "1")
	server := start(t, "--db-path", dir)
	url := "http://" + server.address
	s := statsJSON(t, "--url", url, "--top", "1")
	if s.URL != url || s.Path != "" || s.LogBytes == 0 || s.DiskBytes < s.LogBytes {
		t.Errorf("counted %+v", s)
	}
	want.Path, want.URL, want.LogBytes, want.DiskBytes = "", url, s.LogBytes, s.DiskBytes // the directory was closed
	if !reflect.DeepEqual(s, want) {
		t.Errorf("counted %+v, want %+v", s, want)
	}
	code, stdout, stderr := run("stats", "--url", url)
	if code != 0 || stderr != "" || !strings.HasPrefix(stdout, url+"\n") || !strings.Contains(stdout, "  tracking sources  2\n") {
		t.Errorf("exit code %d, standard error %q, output %q", code, stderr, stdout)
	}
}

// serveWithoutAdmin serves the store in a directory without the service for operators, and
// returns its URL.
func serveWithoutAdmin(t *testing.T, dir string) (url string) {
	t.Helper()
	store, err := umadb.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(store, server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	listener := listen(t)
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	t.Cleanup(func() {
		if err := errors.Join(s.Shutdown(context.Background()), <-served, store.Close()); err != nil {
			t.Error(err)
		}
	})
	return "http://" + listener.Addr().String()
}

func TestStatsOfServerWithoutStatistics(t *testing.T) {
	url := serveWithoutAdmin(t, newCountedStore(t))
	code, stdout, stderr := run("stats", "--url", url, "--json", "--top", "1")
	var s statistics
	if err := json.Unmarshal([]byte(stdout), &s); err != nil {
		t.Fatalf("%v in %q", err, stdout)
	}
	if code != 0 || s.URL != url || s.DataBytes != 7000 || s.SourcesOnEvents.Distinct != 1 || len(s.Types.Top) != 1 || s.Tags.Top[0].Events != 7 {
		t.Errorf("exit code %d, counted %+v", code, s)
	}
	if stderr != "umadb: the server provides no statistics: reading all of its events\n" {
		t.Errorf("standard error %q", stderr)
	}
	code, stdout, _ = run("stats", "--url", url)
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, line := range []string{"  data              6.8 KiB\n", "  tracking sources  1 on events\n", "  4  \"Joined\\x1b[31m\"\n  3  Left\n"} {
		if !strings.Contains(stdout, line) {
			t.Errorf("the output lacks %q: %q", line, stdout)
		}
	}
	code, _, stderr = run("tracking", "--url", url)
	wantError(t, code, stderr, 2, "cannot list its sources", "umadb tracking SOURCE")
}

func TestStatsFails(t *testing.T) {
	t.Run("key without the right", func(t *testing.T) {
		dir := t.TempDir()
		files, err := servertest.WriteCertificate(dir)
		if err != nil {
			t.Fatal(err)
		}
		keys := filepath.Join(dir, "keys.toml")
		_, key, _ := run("key", "new", "--name", "reader", "--rights", "read", "--file", keys)
		server := start(t, "--db-path", filepath.Join(dir, "uma.db"), "--tls-cert", files.Cert, "--tls-key", files.Key, "--keys", keys)
		code, stdout, stderr := run("stats", "--url", "https://"+server.address, "--ca", files.CA, "--api-key", strings.TrimSpace(key))
		wantError(t, code, stderr, 4, `the API key "reader" needs the right admin`, "umadb stats --db-path")
		if stdout != "" {
			t.Errorf("standard output %q", stdout)
		}
	})
	t.Run("missing directory", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "none")
		code, _, stderr := run("stats", "--db-path", dir)
		wantError(t, code, stderr, 1, dir, "--db-path")
		if _, err := os.Stat(dir); err == nil {
			t.Error("stats has created it")
		}
	})
	t.Run("no server", func(t *testing.T) {
		code, _, stderr := run("stats", "--url", "http://127.0.0.1:1")
		wantError(t, code, stderr, 5, "127.0.0.1:1")
	})
}
