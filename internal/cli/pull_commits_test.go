package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/servertest"
	"github.com/umadb-go/umadb/internal/store"
)

// A follower copies the commits of the server as they are stored, with all tracking, and
// continues after a kill and after the copy was opened and closed.
func TestImportFollowsCommits(t *testing.T) {
	t.Parallel()
	source, copied, address := filepath.Join(t.TempDir(), "source"), filepath.Join(t.TempDir(), "copy"), servertest.Address(t)
	fillMany(t, source, 2000)
	server := serveAt(t, address, source)
	follow := func() *servertest.Process {
		return spawn(t, nil, "import", "--from", "http://"+address, "--follow", "--db-path", copied)
	}
	following := follow()
	awaitOutput(t, following, "following until")
	following.Kill()
	openStore(t, copied, func(s *store.Store) { // adds a clean-close record
		if head := mustHead(t, s); head != 2000 {
			t.Errorf("position %d", head)
		}
	})
	dial(t, address, func(c *client.Client) {
		if _, err := c.Append(t.Context(), []dcb.Event{{Type: "Later", Data: []byte("once more")}}, nil, &dcb.TrackingInfo{Source: "unnamed", Position: 7}); err != nil {
			t.Fatal(err)
		}
	})
	following = follow()
	await(t, "the new event", func() bool { return logContains(copied, "once more") })
	following.Signal(os.Interrupt)
	if code, text := exit(t, following), following.Output.String(); code != 0 || strings.Contains(text, "compared") || !strings.Contains(text, "2000 existing events, imported 1 event") {
		t.Errorf("exit code %d: %s", code, text)
	}
	stop(t, server)
	wantStartOf(t, source, copied)
	if got, want := export(t, "--db-path", copied), export(t, "--db-path", source); got != want {
		t.Error("the copy differs from the server")
	}
}

func mustHead(t *testing.T, s *store.Store) uint64 {
	t.Helper()
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return head
}

// A directory with the same events in other commits, and a key without the right admin, are
// followed by comparing the events.
func TestImportFollowsByComparing(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	source := filepath.Join(folder, "source")
	fillMany(t, source, 100)
	file := filepath.Join(folder, "events")
	export(t, "--db-path", source, "--output", file)
	files, err := servertest.WriteCertificate(folder)
	if err != nil {
		t.Fatal(err)
	}
	keys, readable := filepath.Join(folder, "keys.toml"), filepath.Join(folder, "readable")
	_, key, _ := run("key", "new", "--name", "reader", "--rights", "read,subscribe,tracking", "--file", keys)
	// The same events, in commits of another store.
	copyOf := func(dir string) {
		t.Helper()
		if code, _, stderr := run("import", "--db-path", dir, file); code != 0 {
			t.Fatal(stderr)
		}
	}
	copyOf(readable)
	withKeys := start(t, "serve", "--db-path", readable, "--tls-cert", files.Cert, "--tls-key", files.Key, "--keys", keys)
	open := "http://" + start(t, "serve", "--db-path", source).address
	for name, prepare := range map[string]func(dir string) []string{
		"other commits": func(dir string) []string {
			copyOf(dir)
			return []string{"--from", open}
		},
		"no commits": func(dir string) []string {
			openStore(t, dir, func(*store.Store) {})
			return []string{"--from", open}
		},
		"no right": func(string) []string {
			return []string{"--from", "https://" + withKeys.address, "--ca", files.CA, "--api-key", strings.TrimSpace(key)}
		},
		"no service": func(string) []string {
			s := filepath.Join(folder, "without")
			copyOf(s)
			return []string{"--from", serveWithoutAdmin(t, s)}
		},
	} {
		copied := filepath.Join(folder, name)
		following := spawn(t, nil, append([]string{"import", "--follow", "--db-path", copied}, prepare(copied)...)...)
		awaitOutput(t, following, "following until")
		following.Signal(os.Interrupt)
		if code, text := exit(t, following), following.Output.String(); code != 0 || !strings.Contains(text, "all events are compared") {
			t.Errorf("%s: exit code %d: %s", name, code, text)
		} else if listed := !strings.Contains(text, "does not list its tracking sources"); listed != (name == "other commits" || name == "no commits") {
			t.Errorf("%s: %s", name, text)
		}
		if got, want := onlyEvents(export(t, "--db-path", copied)), onlyEvents(export(t, "--db-path", source)); got != want {
			t.Errorf("%s: the copy differs from the server", name)
		}
	}
}

// A server lists its tracking sources for an export and for an import.
func TestAllTrackingOfAServerIsCopied(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	source := filepath.Join(folder, "source")
	fillMany(t, source, 100)
	server := "http://" + start(t, "serve", "--db-path", source).address
	file := filepath.Join(folder, "events")
	export(t, "--url", server, "--output", file)
	for name, args := range map[string][]string{"export": {file}, "server": {"--from", server}} {
		copied := filepath.Join(folder, name)
		if code, _, stderr := run(append([]string{"import", "--db-path", copied}, args...)...); code != 0 || !strings.Contains(stderr, "and 1 tracking position") {
			t.Errorf("%s: exit code %d: %s", name, code, stderr)
		}
		openStore(t, copied, func(s *store.Store) {
			if _, known, err := s.GetTrackingInfo(t.Context(), "alone"); err != nil || !known {
				t.Errorf("%s: the tracking-only record is missing: %v", name, err)
			}
		})
	}
}
