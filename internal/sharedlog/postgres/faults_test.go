package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/logtest"
	"github.com/umadb-go/umadb/internal/sharedlog/postgres"
	"github.com/umadb-go/umadb/internal/sharedlog/postgres/pgtest"
)

// dial returns a function that connects to the primary of a cluster.
func dial(cluster *pgtest.Cluster) logtest.Dial {
	url := cluster.URL()
	return func(ctx context.Context) (sharedlog.Log, error) { return postgres.Open(ctx, url) }
}

// open opens a log, which is closed at the end of the test.
func open(t *testing.T, url string) *postgres.Log {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	log, err := postgres.Open(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return log
}

func TestPromotionOfAStandby(t *testing.T) {
	cluster := pgtest.Start(t, 2)
	p := logtest.StartProposers(t, dial(cluster), 3)
	p.AwaitMore(t, 100)
	cluster.Failover(t)
	p.AwaitMore(t, 100)
	p.Check(t)
}

// The restarted primary has commits that no standby has. No client may read them: they are lost
// when a standby is promoted.
func TestRestartWhileCommitsWait(t *testing.T) {
	cluster := pgtest.Start(t, 2)
	p := logtest.StartProposers(t, dial(cluster), 3)
	p.AwaitMore(t, 50)
	cluster.Pause(t)
	cluster.AwaitWaiting(t)
	cluster.Primary.Crash(t)
	cluster.Restart(t)
	for range 2 { // the proposers try to read meanwhile
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if log, err := postgres.Open(ctx, cluster.URL()); err == nil {
			t.Error("a client was connected while no standby has what it would read")
			log.Close()
		}
		cancel()
	}
	cluster.Primary.Crash(t)
	cluster.Resume(t)
	cluster.Failover(t)
	p.AwaitMore(t, 50)
	p.Check(t)
}

// waitingAppend is an append that waits for a standby, of a client that is connected.
type waitingAppend struct {
	cluster    *pgtest.Cluster
	log, other *postgres.Log
	cancel     context.CancelFunc
	result     chan error
}

func startWaitingAppend(t *testing.T) waitingAppend {
	cluster := pgtest.Start(t, 1)
	w := waitingAppend{cluster: cluster, log: open(t, cluster.URL()), other: open(t, cluster.URL()), result: make(chan error, 1)}
	if _, err := w.log.Create(t.Context(), sharedlog.Origin{}); err != nil {
		t.Fatal(err)
	}
	for _, log := range []*postgres.Log{w.log, w.other} {
		if records, err := log.Read(t.Context(), 1); err != nil || len(records) > 0 {
			t.Fatal(records, err)
		}
	}
	cluster.Pause(t)
	var ctx context.Context
	ctx, w.cancel = context.WithCancel(t.Context())
	t.Cleanup(w.cancel)
	go func() { w.result <- w.log.Append(ctx, sharedlog.Point{}, 1, []byte("record")) }()
	cluster.AwaitWaiting(t)
	return w
}

// wantUnknown checks that Append returns an error that does not claim a refusal.
func (w waitingAppend) wantUnknown(t *testing.T) {
	t.Helper()
	select {
	case err := <-w.result:
		if err == nil || errors.Is(err, sharedlog.ErrConflict) || errors.Is(err, sharedlog.ErrTooLarge) {
			t.Errorf("Append returned %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("Append has not returned after 30 s")
	}
}

// wantHidden checks that the client of the append does not read the record before a standby has it.
func (w waitingAppend) wantHidden(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if records, err := w.log.Read(ctx, 1); err == nil {
		t.Errorf("Read returned %d records while no standby has the record", len(records))
	}
	w.cluster.Resume(t)
	ctx, cancel = context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if records, err := w.log.Read(ctx, 1); err != nil || len(records) != 1 {
		t.Errorf("Read returned %d records, %v; want the record, which a standby has", len(records), err)
	}
}

func TestCancelledAndTerminatedCommits(t *testing.T) {
	for _, function := range []string{"pg_cancel_backend", "pg_terminate_backend"} {
		t.Run(function, func(t *testing.T) {
			w := startWaitingAppend(t)
			w.cluster.Primary.Exec(t, fmt.Sprintf("SELECT %s(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'", function))
			w.wantUnknown(t)
			w.wantHidden(t)
		})
	}
}

// A context that ends must not cancel the commit, which would make it visible to others.
func TestContextEndsWhileACommitWaits(t *testing.T) {
	w := startWaitingAppend(t)
	w.cancel()
	w.wantUnknown(t)
	for range 20 {
		if records, err := w.other.Read(t.Context(), 1); err != nil || len(records) > 0 {
			t.Fatalf("another client read %d records, %v, while no standby has the record", len(records), err)
		}
		time.Sleep(25 * time.Millisecond) // for a cancel request to arrive
	}
	w.wantHidden(t)
}

func TestRefusedServers(t *testing.T) {
	cluster := pgtest.Start(t, 1)
	if _, err := postgres.Open(t.Context(), cluster.Standbys[0].URL()); err == nil {
		t.Error("a standby was accepted")
	}
	for _, setting := range []string{"fsync", "full_page_writes"} {
		cluster.Primary.Exec(t, "ALTER SYSTEM SET "+setting+" = off")
		cluster.Primary.Exec(t, "SELECT pg_reload_conf()")
		cluster.Await(t, func() bool { return cluster.Primary.Exec(t, "SHOW "+setting) == "off" })
		if _, err := postgres.Open(t.Context(), cluster.URL()); err == nil {
			t.Errorf("a server with %s=off was accepted", setting)
		}
		cluster.Primary.Exec(t, "ALTER SYSTEM RESET "+setting)
		cluster.Primary.Exec(t, "SELECT pg_reload_conf()")
		cluster.Await(t, func() bool { return cluster.Primary.Exec(t, "SHOW "+setting) == "on" })
	}
	if warnings := open(t, cluster.URL()).Warnings(); len(warnings) > 0 {
		t.Errorf("a server with a synchronous standby causes %q", warnings)
	}
}

func TestWarningWithoutStandbys(t *testing.T) {
	url := pgtest.Start(t, 0).URL()
	if warnings := open(t, url).Warnings(); len(warnings) != 1 {
		t.Errorf("the warnings are %q, want one", warnings)
	}
	if warnings := open(t, url+"&durability=storage").Warnings(); len(warnings) > 0 {
		t.Errorf("with durability=storage, the warnings are %q", warnings)
	}
}

// A host that accepts connections and does not answer, such as one whose processes are suspended,
// delays no connection to the others.
func TestHostThatDoesNotAnswer(t *testing.T) {
	cluster := pgtest.Start(t, 1)
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), ".s.PGSQL.5432"))
	if err != nil {
		t.Skip(err) // its path may be too long
	}
	defer listener.Close()
	url := strings.Replace(cluster.Primary.URL(), "host=", "host="+filepath.Dir(listener.Addr().String())+",", 1)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second) // less than connecting may take
	defer cancel()
	log, err := postgres.Open(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	log.Close()
}
