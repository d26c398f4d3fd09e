package cli_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/servertest"
	"github.com/umadb-go/umadb/internal/store"
)

// copySummary is the JSON output of backup and restore.
type copySummary struct {
	Groups, Events, Head uint64
	Time                 *time.Time
}

// mustRun runs a command that must succeed, and returns its JSON output.
func mustRun(t *testing.T, args ...string) (s copySummary) {
	t.Helper()
	cmd := command(append(args, "--json")...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v: %s", args, err, stderr.String())
	}
	if err := json.Unmarshal(out, &s); err != nil {
		t.Fatalf("%v: %v in %s", args, err, out)
	}
	return s
}

// recordsIn returns all records of the store in a directory.
func recordsIn(t *testing.T, dir string) (all []dcb.SequencedEvent) {
	t.Helper()
	openStore(t, dir, func(s *store.Store) { all = allRecords(t, s) })
	return all
}

func TestBackupAndRestoreOfDirectory(t *testing.T) {
	dir, copied, restored := filepath.Join(t.TempDir(), "source"), filepath.Join(t.TempDir(), "copy"), filepath.Join(t.TempDir(), "restored")
	fillMany(t, dir, 3000)
	first := mustRun(t, "backup", "--db-path", dir, copied)
	if first.Events != 3000 || first.Head != 3000 || first.Time == nil {
		t.Errorf("%+v", first)
	}
	if again := mustRun(t, "backup", "--db-path", dir, copied); again.Groups != 0 || again.Head != 3000 {
		t.Errorf("again: %+v", again)
	}
	half := mustRun(t, "restore", "--from", copied, "--until", "1234", restored)
	if half.Head != 1234 || half.Events != 1234 {
		t.Errorf("restored: %+v", half)
	}
	whole := mustRun(t, "restore", "--from", copied, "--until", first.Time.Format(time.RFC3339Nano), restored+"2")
	if whole.Head != 3000 {
		t.Errorf("restored up to the last commit: %+v", whole)
	}
	want := recordsIn(t, dir)
	if got := recordsIn(t, restored+"2"); !reflect.DeepEqual(got, want) {
		t.Errorf("%d records instead of %d", len(got), len(want))
	}
	events := 0
	for i, got := range recordsIn(t, restored) {
		if !reflect.DeepEqual(got, want[i]) {
			t.Fatalf("record %d differs", i)
		}
		if got.Position > 0 {
			events++
		}
	}
	if events != 1234 {
		t.Errorf("%d events restored", events)
	}
}

func TestBackupExitCodes(t *testing.T) {
	dir, copied := filepath.Join(t.TempDir(), "source"), filepath.Join(t.TempDir(), "copy")
	fillMany(t, dir, 10)
	mustRun(t, "backup", "--db-path", dir, copied)
	openStore(t, copied, func(s *store.Store) { // the copy is written
		if _, err := s.Append(t.Context(), make([]dcb.Event, 10), nil, nil); err != nil {
			t.Fatal(err)
		}
	})
	for _, c := range []struct {
		code int
		text string
		args []string
	}{
		{3, "make a new one in another directory", []string{"backup", "--db-path", dir, copied}},
		{1, "there is no store in", []string{"backup", "--db-path", dir + "x", copied}},
		{5, "is a server running there?", []string{"backup", "--url", "http://127.0.0.1:1", copied}},
		{1, "choose a new or an empty directory", []string{"restore", "--from", copied, dir}},
		{1, "ends at position 20, before position 21", []string{"restore", "--from", copied, "--until", "21", dir + "x"}},
		{1, "no commit up to this point", []string{"restore", "--from", copied, "--until", "2000-01-01T00:00:00Z", dir + "x"}},
	} {
		cmd := command(c.args...)
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(string(out), c.text) {
			t.Errorf("%v: exit code %d, want %d: %s", c.args, code, c.code, out)
		}
	}
	// What an incomplete restore has left is no store.
	if err := os.MkdirAll(filepath.Join(dir+"x", "restoring"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := command("head", "--db-path", dir+"x")
	if out, _ := cmd.CombinedOutput(); !strings.Contains(string(out), "incomplete umadb restore") {
		t.Errorf("opening it: %s", out)
	}
}

// acknowledged collects the appends of several writers.
type acknowledged struct {
	mu     sync.Mutex
	events map[uint64]string // tag by position; guarded by mu
}

func (a *acknowledged) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.events)
}

// write appends until the server is gone.
func (a *acknowledged) write(ctx context.Context, c *client.Client, writer int) {
	for i := 0; ; i++ {
		tag := fmt.Sprint(writer, "/", i)
		position, err := c.Append(ctx, []dcb.Event{{Type: "T", Tags: []string{tag}}}, nil, nil)
		if err != nil {
			return
		}
		a.mu.Lock()
		a.events[position] = tag
		a.mu.Unlock()
	}
}

// drillWriters and drillTime are the load of the drill.
var (
	drillWriters = flag.Int("drill-writers", 4, "number of clients that append during the restore drill")
	drillTime    = flag.Duration("drill-time", 0, "time for which they do so at least")
)

// The drill: the server is killed while it is written and followed, and its directory is
// lost. What is restored has every acknowledged event up to the last copied one.
func TestRestoreDrill(t *testing.T) {
	dir, copied, restored := filepath.Join(t.TempDir(), "source"), filepath.Join(t.TempDir(), "copy"), filepath.Join(t.TempDir(), "restored")
	server := start(t, "serve", "--db-path", dir)
	follower := spawn(t, nil, "backup", "--url", "http://"+server.address, "--follow", copied)
	awaitOutput(t, follower, "caught up")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	acked := &acknowledged{events: map[uint64]string{}}
	var writers sync.WaitGroup
	for w := range *drillWriters {
		c, err := client.Dial("http://"+server.address, &client.Options{FailFast: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		writers.Go(func() { acked.write(ctx, c, w) })
	}
	await(t, "there are appends", func() bool { return acked.count() > 500 })
	time.Sleep(*drillTime)
	await(t, "appends are copied", func() bool { return logContains(copied, "0/9") })
	server.Kill()
	cancel()
	writers.Wait()
	lost := dir + "-lost" // for the comparison
	if err := os.Rename(dir, lost); err != nil {
		t.Fatal(err)
	}
	awaitOutput(t, follower, "retrying until the server is reachable")
	stop(t, follower)

	summary := mustRun(t, "restore", "--from", copied, restored)
	if summary.Head == 0 {
		t.Fatal("nothing was copied")
	}
	wantStartOf(t, lost, restored)
	t.Logf("%d appends were acknowledged, and %d events restored", acked.count(), summary.Head)
	openStore(t, restored, func(s *store.Store) {
		events, head, err := s.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect()
		if err != nil || head != summary.Head || uint64(len(events)) != summary.Head {
			t.Fatalf("%d events up to %v, error %v; the restore reached %d", len(events), head, err, summary.Head)
		}
		for i, event := range events {
			if want, known := acked.events[event.Position]; event.Position != uint64(i)+1 || known && event.Event.Tags[0] != want {
				t.Errorf("event %d has position %d and tag %s, want %s", i+1, event.Position, event.Event.Tags[0], want)
			}
		}
	})
}

// A follower continues when the server is back, also after it was itself killed.
func TestBackupFollowsAcrossRestarts(t *testing.T) {
	dir, copied := filepath.Join(t.TempDir(), "source"), filepath.Join(t.TempDir(), "copy")
	address := servertest.Address(t)
	server := serveAt(t, address, dir)
	appendTo := func(tag string) {
		dial(t, address, func(c *client.Client) {
			if _, err := c.Append(t.Context(), []dcb.Event{{Type: "T", Tags: []string{tag}}}, nil, nil); err != nil {
				t.Fatal(err)
			}
		})
		await(t, tag+" is copied", func() bool { return logContains(copied, tag) })
	}
	follow := func() *servertest.Process {
		return spawn(t, nil, "backup", "--url", "http://"+address, "--follow", copied)
	}
	follower := follow()
	appendTo("first")
	stop(t, server)
	awaitOutput(t, follower, "retrying until")
	server = serveAt(t, address, dir)
	appendTo("second")
	awaitOutput(t, follower, "reachable again")
	server.Kill()
	server = serveAt(t, address, dir)
	appendTo("third")
	follower.Kill()
	follower = follow()
	appendTo("fourth")
	stop(t, follower)
	stop(t, server)
	mustRun(t, "backup", "--db-path", dir, copied)
	if got, want := recordsIn(t, copied), recordsIn(t, dir); !reflect.DeepEqual(got, want) || len(got) != 4 {
		t.Errorf("the copy has %v, the store %v", got, want)
	}
}

// A directory is copied beside the server that has it open, and followed across its restart.
func TestBackupBesideServer(t *testing.T) {
	dir, copied := filepath.Join(t.TempDir(), "source"), filepath.Join(t.TempDir(), "copy")
	address := servertest.Address(t)
	server := serveAt(t, address, dir)
	appendTag := func(tag string) {
		dial(t, address, func(c *client.Client) {
			if _, err := c.Append(t.Context(), []dcb.Event{{Type: "T", Tags: []string{tag}}}, nil, nil); err != nil {
				t.Fatal(err)
			}
		})
	}
	for i := range uint64(3) {
		appendTag("once")
		s := mustRun(t, "backup", "--db-path", dir, copied)
		for deadline := time.Now().Add(patience); s.Groups == 0 && s.Head == i && time.Now().Before(deadline); {
			s = mustRun(t, "backup", "--db-path", dir, copied) // a busy server may announce the event late
		}
		if s.Groups != 1 || s.Head != i+1 {
			t.Errorf("%+v", s)
		}
	}
	follower := spawn(t, nil, "backup", "--db-path", dir, "--follow", copied)
	awaitOutput(t, follower, "caught up at position 3")
	appendTag("followed")
	await(t, "the event is copied", func() bool { return logContains(copied, "followed") })
	server.Kill()
	server = serveAt(t, address, dir)
	appendTag("restarted")
	await(t, "the event is copied", func() bool { return logContains(copied, "restarted") })
	stop(t, follower)
	stop(t, server)
	if got, want := recordsIn(t, copied), recordsIn(t, dir); !reflect.DeepEqual(got, want) || len(got) != 5 {
		t.Errorf("the copy has %v, the store %v", got, want)
	}
}

// A copy that a server has served, without an append, is continued and can be read meanwhile.
// The server has announced its own clean-close record as the last group.
func TestCopyThatWasServedIsReadWhileItFollows(t *testing.T) {
	dir, copied := filepath.Join(t.TempDir(), "source"), filepath.Join(t.TempDir(), "copy")
	server := start(t, "serve", "--db-path", dir)
	appendTag := func(tag string) {
		dial(t, server.address, func(c *client.Client) {
			if _, err := c.Append(t.Context(), []dcb.Event{{Type: "T", Tags: []string{tag}}}, nil, nil); err != nil {
				t.Fatal(err)
			}
		})
	}
	appendTag("first")
	mustRun(t, "backup", "--url", "http://"+server.address, copied)
	for range 2 { // the second one announces the record of the first one
		openStore(t, copied, func(*store.Store) {})
	}
	follower := spawn(t, nil, "backup", "--url", "http://"+server.address, "--follow", copied)
	awaitOutput(t, follower, "caught up at position 1")
	appendTag("second")
	appendTag("third")
	await(t, "the third event is copied", func() bool { return logContains(copied, "third") })
	await(t, "all events are read", func() bool {
		code, stdout, stderr := runWithStdin(nil, "head", "--db-path", copied)
		if code != 0 {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		return stdout == "3\n"
	})
	stop(t, follower)
}

func TestBackupIntoTheStoreIsRefused(t *testing.T) {
	dir := t.TempDir()
	store, link := filepath.Join(dir, "uma.db"), filepath.Join(dir, "link")
	if code, _, stderr := run("append", "--type", "Opened", "--db-path", store); code != 0 {
		t.Fatal(stderr)
	}
	if err := os.Symlink(store, link); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{store, filepath.Join(store, "index"), filepath.Join(store, "new", "copy"), filepath.Join(link, "copy")} {
		code, _, stderr := run("backup", "--db-path", store, target)
		wantError(t, code, stderr, 2, "is in the directory of the store")
	}
	for _, target := range []string{filepath.Join(dir, "uma.db.copy"), filepath.Join(store, "..", "copy")} {
		if code, _, stderr := run("backup", "--db-path", link, target); code != 0 {
			t.Error(stderr)
		}
	}
}
