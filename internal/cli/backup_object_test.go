package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/store"
)

func TestBackupToObjectStore(t *testing.T) {
	g := startGateway(t)
	dir, restored := filepath.Join(t.TempDir(), "source"), filepath.Join(t.TempDir(), "restored")
	fillMany(t, dir, 1000)
	first := mustRun(t, "backup", "--db-path", dir, "--to", "s3://backups/a/b")
	if first.Events != 1000 || first.Head != 1000 || first.Time == nil {
		t.Errorf("%+v", first)
	}
	if again := mustRun(t, "backup", "--db-path", dir, "s3://backups/a/b"); again.Groups != 0 || again.Head != 1000 || again.Time != nil {
		t.Errorf("again: %+v", again)
	}
	if half := mustRun(t, "restore", "--from", "s3://backups/a/b", "--until", "321", restored); half.Head != 321 {
		t.Errorf("restored: %+v", half)
	}
	whole := mustRun(t, "restore", "--from", "s3://backups/a/b/", "--until", first.Time.Format(time.RFC3339Nano), restored+"2")
	if got, want := recordsIn(t, restored+"2"), recordsIn(t, dir); !reflect.DeepEqual(got, want) || whole.Head != 1000 {
		t.Errorf("%d records instead of %d", len(got), len(want))
	}
	if origin := g.objects(t, "a/b/origin"); len(origin) != 1 {
		t.Errorf("%d origins", len(origin))
	}
}

func TestObjectStoreExitCodes(t *testing.T) {
	g := startGateway(t)
	dir, other := filepath.Join(t.TempDir(), "source"), filepath.Join(t.TempDir(), "other")
	fillMany(t, dir, 10)
	fillMany(t, other, 20)
	mustRun(t, "backup", "--db-path", dir, "--to", "s3://backups/p")
	const url = "s3://backups/p"
	for _, c := range []struct {
		code int
		text string
		args []string
		env  string
	}{
		{3, "make a new one in another directory or prefix", []string{"backup", "--db-path", other, "--to", url}, ""},
		{1, "there is no bucket nothing", []string{"backup", "--db-path", dir, "--to", "s3://nothing/p"}, ""},
		{1, "s3://bucket/prefix", []string{"backup", "--db-path", dir, "--to", "s3://"}, ""},
		{2, "use only one", []string{"backup", "--db-path", dir, "--to", url, dir}, ""},
		{2, "--interval", []string{"backup", "--db-path", dir, "--to", url, "--interval", "0s"}, ""},
		{4, "there are no credentials", []string{"backup", "--db-path", dir, "--to", url}, "AWS_ACCESS_KEY_ID="},
		{4, "access denied", []string{"restore", "--from", url, other + "x"}, "AWS_SECRET_ACCESS_KEY=x"},
		{5, "no answer from", []string{"restore", "--from", url, "--s3-endpoint", "http://127.0.0.1:1", other + "x"}, ""},
		{1, "has not the form https://host:port", []string{"restore", "--from", url, "--s3-endpoint", "127.0.0.1", other + "x"}, ""},
		{1, "there is no backup in s3://backups/q", []string{"restore", "--from", "s3://backups/q", other + "x"}, ""},
		{1, "ends at position 10, before position 11", []string{"restore", "--from", url, "--until", "11", other + "x"}, ""},
	} {
		cmd := command(c.args...)
		cmd.Env = append(cmd.Env, c.env)
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(string(out), c.text) {
			t.Errorf("%v: exit code %d, want %d: %s", c.args, code, c.code, out)
		}
	}
	// An object that has changed.
	for _, path := range g.objects(t, "p/tail/*") {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		content[len(content)/2] ^= 1
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := command("restore", "--from", url, other+"x")
		if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() == 0 || !strings.Contains(string(out), filepath.Base(path)) {
			t.Errorf("exit code %d: %s", cmd.ProcessState.ExitCode(), out)
		}
	}
}

// Backups are killed at random times while the store is written. What is restored after each
// is the start of the store, and the backup is continued until it is complete.
func TestBackupToObjectStoreIsKilled(t *testing.T) {
	g := startGateway(t)
	dir := filepath.Join(t.TempDir(), "source")
	s, err := store.Open(dir, &store.Options{SegmentBytes: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var writers sync.WaitGroup
	var appended atomic.Uint64
	for w := range 4 {
		writers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if _, err := s.Append(ctx, []dcb.Event{{Type: "T", Tags: []string{fmt.Sprint(w, "/", i)}, Data: make([]byte, 200)}}, nil, nil); err == nil {
					appended.Add(1)
				}
				select { // about 3 MiB a second would be a test of the disk
				case <-time.After(time.Millisecond):
				case <-ctx.Done():
				}
			}
		})
	}
	await(t, "there are appends", func() bool { return appended.Load() > 500 })
	head := uint64(0)
	for round := range *backupKills {
		args := []string{"backup", "--db-path", dir, "--to", "s3://backups/killed"}
		if round%2 == 0 {
			args = append(args, "--follow", "--interval", "1s")
		}
		p := spawn(t, nil, args...)
		life := rand.N(longestLife)
		select {
		case <-time.After(life):
			p.Kill()
		case <-p.Exited():
		}
		if len(g.objects(t, "killed/tail/*"))+len(g.objects(t, "killed/segments/*")) == 0 {
			continue
		}
		restored := filepath.Join(t.TempDir(), "restored")
		summary := mustRun(t, "restore", "--from", "s3://backups/killed", restored)
		if summary.Head < head {
			t.Fatalf("killed after %s: restored up to %d, before up to %d", life, summary.Head, head)
		}
		head = summary.Head
		wantStartOf(t, dir, restored)
	}
	cancel()
	writers.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustRun(t, "backup", "--db-path", dir, "--to", "s3://backups/killed")
	restored := filepath.Join(t.TempDir(), "restored")
	mustRun(t, "restore", "--from", "s3://backups/killed", restored)
	wantStartOf(t, dir, restored)
	if got, want := recordsIn(t, restored), recordsIn(t, dir); !reflect.DeepEqual(got, want) || uint64(len(got)) != appended.Load() {
		t.Errorf("%d records, the source has %d", len(got), len(want))
	}
	if n := len(g.objects(t, "killed/segments/*")); n < 2 {
		t.Errorf("only %d segments", n)
	}
}

// wantStartOf checks that the segments of a restored store are the start of those of its
// source: the chains of their groups are then the same.
func wantStartOf(t *testing.T, source, restored string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(restored, "log", "*.log"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%d segments, %v", len(names), err)
	}
	for _, name := range names {
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(source, "log", filepath.Base(name)))
		if err != nil || !bytes.HasPrefix(want, got) {
			t.Fatalf("%s is not the start of the segment of the source: %v", name, err)
		}
	}
}

// An interrupted follower uploads what it has.
func TestInterruptedBackupToObjectStore(t *testing.T) {
	startGateway(t)
	dir, restored := filepath.Join(t.TempDir(), "source"), filepath.Join(t.TempDir(), "restored")
	server := start(t, "serve", "--db-path", dir)
	follower := spawn(t, nil, "backup", "--url", "http://"+server.address, "--follow", "--interval", "2s", "--to", "s3://backups/i")
	awaitOutput(t, follower, "caught up")
	dial(t, server.address, func(c *client.Client) {
		for range 3 {
			if _, err := c.Append(t.Context(), []dcb.Event{{Type: "T"}}, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
	})
	await(t, "the events are in the object store", func() bool {
		code, _, _ := run("restore", "--from", "s3://backups/i", "--until", "3", restored)
		return code == 0
	})
	stop(t, follower)
	if !strings.Contains(follower.Output.String(), "s3://backups/i ends at position 3") {
		t.Errorf("printed %s", follower.Output)
	}
}
