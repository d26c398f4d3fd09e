package cli_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

// fillTimed creates a store of events with random times, some of which are equal.
func fillTimed(t *testing.T, dir string, events int) {
	t.Helper()
	at := time.Date(2001, 2, 3, 4, 5, 6, 7, time.UTC)
	var records []dcb.SequencedEvent
	for i := range events {
		if rand.IntN(2) == 0 {
			at = at.Add(time.Duration(rand.Int64N(int64(time.Hour))))
		}
		records = append(records, dcb.SequencedEvent{Position: uint64(i) + 1, RecordedAt: at, Event: dcb.Event{Type: "T", Tags: []string{fmt.Sprint(i)}}})
	}
	openStore(t, dir, func(s *store.Store) {
		if err := s.Restore(t.Context(), records); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Append(t.Context(), []dcb.Event{{Type: "Now"}}, nil, nil); err != nil {
			t.Fatal(err)
		}
	})
}

// timesIn returns the recorded times of the first n events in a store.
func timesIn(t *testing.T, s dcb.EventStore, n int) (times []time.Time) {
	t.Helper()
	events, _, err := s.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect()
	if err != nil || len(events) < n {
		t.Fatalf("%d events, want %d: %v", len(events), n, err)
	}
	for _, e := range events[:n] {
		times = append(times, e.RecordedAt)
	}
	return times
}

// Each way to copy a store keeps the times of the events.
func TestEveryCopyKeepsTimes(t *testing.T) {
	const events = 200
	folder := t.TempDir()
	source := filepath.Join(folder, "source")
	fillTimed(t, source, events)
	var want []time.Time
	openStore(t, source, func(s *store.Store) { want = timesIn(t, s, events+1) })
	mustRun := func(args ...string) {
		t.Helper()
		if code, _, stderr := run(args...); code != 0 {
			t.Fatalf("%v: %s", args, stderr)
		}
	}
	check := func(way, dir string, n int) {
		t.Helper()
		openStore(t, dir, func(s *store.Store) {
			for i, got := range timesIn(t, s, n) {
				if !got.Equal(want[i]) {
					t.Errorf("%s: event %d was recorded at %v, want %v", way, i+1, got, want[i])
					return
				}
			}
		})
	}
	path := func(name string) string { return filepath.Join(folder, name) }

	mustRun("export", "--db-path", source, "--output", path("events.zst"))
	mustRun("import", path("events.zst"), "--db-path", path("imported"))
	check("export and import", path("imported"), events+1)
	mustRun("backup", "--db-path", source, path("backup"))
	mustRun("restore", "--from", path("backup"), path("restored"))
	check("backup and restore", path("restored"), events+1)
	for until := range 5 {
		until += 100 // within a commit or at its end
		dir := path(fmt.Sprint("until", until))
		mustRun("restore", "--from", path("backup"), "--until", fmt.Sprint(until), dir)
		check("restore of a part", dir, until)
	}

	server := start(t, "serve", "--db-path", source)
	url := "http://" + server.address
	mustRun("import", "--from", url, "--db-path", path("pulled"))
	check("import from a server", path("pulled"), events+1)
	mustRun("export", "--url", url, "--output", path("server.ndjson"))
	mustRun("import", path("server.ndjson"), "--db-path", path("exported"))
	check("export of a server", path("exported"), events+1)
	mustRun("backup", "--url", url, path("live"))
	check("backup of a server", path("live"), events+1)
	mustRun("import", path("events.zst"), "--db-path", path("compared"))
	for _, name := range []string{"followed", "compared"} {
		following := spawn(t, nil, "import", "--from", url, "--follow", "--db-path", path(name))
		awaitOutput(t, following, "following until")
		following.Signal(os.Interrupt)
		exit(t, following)
		check(name, path(name), events+1)
	}
	standby := standbyOf(t, server.address, path("standby"))
	awaitHead(t, standby.address, events+1)
	stop(t, standby.Process)
	stop(t, server.Process)
	mustRun("promote", "--db-path", path("standby"))
	check("standby", path("standby"), events+1)
}

// A shared log that starts after a store keeps the times of that store, and its servers have the
// same times.
func TestSharedLogKeepsTimes(t *testing.T) {
	const events = 50
	e, dir := newFakeEngine(), filepath.Join(t.TempDir(), "first")
	fillTimed(t, dir, events)
	var want []time.Time
	openStore(t, dir, func(s *store.Store) { want = timesIn(t, s, events+1) })
	var c created
	e.cluster(t, 0, &c, "create", "--log", fakeURL, "--from", dir)
	other := filepath.Join(t.TempDir(), "second")
	if err := os.CopyFS(other, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	first := e.join(t, dir)
	first.append(t, "shared")
	want = append(want, timesIn(t, first, events+2)[events+1])
	second := e.join(t, other)
	await(t, "the second server has all", func() bool {
		head, err := second.Head(t.Context())
		return err == nil && head == events+2
	})
	for i, got := range timesIn(t, second, events+2) {
		if !got.Equal(want[i]) {
			t.Fatalf("event %d was recorded at %v, want %v", i+1, got, want[i])
		}
	}
}
