package pgtest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// Cluster is a primary and its standbys.
type Cluster struct {
	Primary  *Server
	Standbys []*Server
}

// Start starts a primary and standbys, of which each commit needs one. Without standbys,
// each commit is acknowledged by the primary alone. Without PostgreSQL the test is skipped; in
// continuous integration on Linux it fails. The servers end with the test.
func Start(t testing.TB, standbys int) *Cluster {
	t.Helper()
	bin, err := findBin()
	if err != nil {
		if os.Getenv("CI") != "" && runtime.GOOS == "linux" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	names := ""
	if standbys > 0 {
		names = "ANY 1 (*)"
	}
	primary := &Server{name: "primary", dir: newDir(t), bin: bin, names: names}
	run(t, bin, "initdb", "-D", primary.data(), "-U", superuser, "--auth=trust", "--encoding=UTF8", "--no-locale", "-N")
	c := &Cluster{Primary: primary}
	t.Cleanup(func() { c.stop(t) })
	primary.start(t)
	for i := range standbys {
		standby := &Server{name: fmt.Sprintf("standby%d", i+1), dir: newDir(t), bin: bin, names: names}
		run(t, bin, "pg_basebackup", "-D", standby.data(), "-h", primary.dir, "-U", superuser, "-c", "fast", "-X", "stream", "-N")
		c.Standbys = append(c.Standbys, standby)
		standby.follow(t, primary)
	}
	if standbys > 0 {
		c.Await(t, func() bool {
			return primary.Exec(t, "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'") == fmt.Sprint(standbys)
		})
	}
	return c
}

// Await waits until a condition is true.
func (c *Cluster) Await(t testing.TB, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(startTimeout); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the servers do not reach the state that the test waits for")
		}
	}
}

// URL returns an address of all servers.
func (c *Cluster) URL() string { return URL(append([]*Server{c.Primary}, c.Standbys...)...) }

func (c *Cluster) stop(t testing.TB) {
	for _, s := range append([]*Server{c.Primary}, c.Standbys...) {
		s.end(t, syscall.SIGQUIT)
	}
}

// follow starts the server as a standby of another one.
func (s *Server) follow(t testing.TB, primary *Server) {
	t.Helper()
	signal := filepath.Join(s.data(), "standby.signal")
	if err := os.WriteFile(signal, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := own(signal); err != nil {
		t.Fatal(err)
	}
	s.start(t, "-c", fmt.Sprintf("primary_conninfo=host=%s user=%s application_name=%s", primary.dir, superuser, s.name))
}

// Restart starts the primary again after Crash. The standbys reconnect.
func (c *Cluster) Restart(t testing.TB) {
	t.Helper()
	c.Primary.start(t)
}

// Pause stops the standbys until Resume. Commits wait meanwhile.
func (c *Cluster) Pause(t testing.TB) {
	t.Helper()
	for _, s := range c.Standbys {
		s.end(t, syscall.SIGINT)
	}
}

// Resume starts the standbys again after Pause.
func (c *Cluster) Resume(t testing.TB) {
	t.Helper()
	for _, s := range c.Standbys {
		s.follow(t, c.Primary)
	}
}

// AwaitWaiting waits until a commit waits for a standby.
func (c *Cluster) AwaitWaiting(t testing.TB) {
	t.Helper()
	c.Await(t, func() bool {
		return c.Primary.Exec(t, "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == "t"
	})
}

// Failover ends the primary, promotes the standby that has received most, and lets the other
// standbys follow it. The old primary remains off: it may have records that no other has.
func (c *Cluster) Failover(t testing.TB) {
	t.Helper()
	c.Primary.Crash(t)
	best, most := 0, ""
	for i, s := range c.Standbys {
		received := s.Exec(t, "SELECT lpad(pg_wal_lsn_diff(greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0')::text, 20, '0')")
		if received > most {
			best, most = i, received
		}
	}
	promoted := c.Standbys[best]
	if ok := promoted.Exec(t, "SELECT pg_promote(true, 60)"); ok != "t" {
		t.Fatalf("server %s was not promoted", promoted.name)
	}
	c.Standbys = append(c.Standbys[:best:best], c.Standbys[best+1:]...)
	c.Primary = promoted
	c.Pause(t)
	c.Resume(t)
}
