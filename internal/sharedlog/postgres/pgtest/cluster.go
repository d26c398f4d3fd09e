package pgtest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Cluster is a primary and its standbys.
type Cluster struct {
	Primary  *Server
	Standbys []*Server
	route    func(from, to *Server) string
}

// Options configure a cluster. The zero value is a primary alone.
type Options struct {
	// Standbys is their number. If it is not 0, each commit needs one of them.
	Standbys int
	// Route returns the parameters host and port by which a server connects to another one
	// as its standby. The default is the socket of that server.
	Route func(from, to *Server) string
	// Mount is called with the directory of each server, before anything is in it.
	Mount func(server, dir string)
}

func direct(_, to *Server) string { return "host=" + to.dir }

// Start starts a primary and standbys, of which each commit needs one. Without standbys,
// each commit is acknowledged by the primary alone. Without PostgreSQL the test is skipped; in
// continuous integration on Linux it fails. The servers end with the test.
func Start(t testing.TB, standbys int) *Cluster {
	t.Helper()
	return StartWith(t, Options{Standbys: standbys})
}

// StartWith is Start with further options.
func StartWith(t testing.TB, options Options) *Cluster {
	t.Helper()
	if options.Route == nil {
		options.Route = direct
	}
	bin, err := findBin()
	if err != nil {
		if os.Getenv("CI") != "" && runtime.GOOS == "linux" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	names := ""
	if options.Standbys > 0 {
		names = "ANY 1 (*)"
	}
	primary := newServer(t, "primary", options)
	primary.bin, primary.names = bin, names
	run(t, bin, "initdb", "-D", primary.data(), "-U", superuser, "--auth=trust", "--encoding=UTF8", "--no-locale", "-N")
	c := &Cluster{Primary: primary, route: options.Route}
	t.Cleanup(func() { c.stop(t) })
	primary.start(t)
	for i := range options.Standbys {
		standby := newServer(t, fmt.Sprintf("standby%d", i+1), options)
		standby.bin, standby.names = bin, names
		c.copyPrimary(t, standby)
		c.Standbys = append(c.Standbys, standby)
		c.follow(t, standby)
	}
	if options.Standbys > 0 {
		c.Await(t, func() bool { return c.Replicating(t) == options.Standbys })
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

// copyPrimary makes the data of a server a copy of that of the primary.
func (c *Cluster) copyPrimary(t testing.TB, to *Server) {
	t.Helper()
	run(t, to.bin, "pg_basebackup", "-D", to.data(), "-h", c.Primary.dir, "-U", superuser, "-c", "fast", "-X", "stream", "-N")
}

// Replicating returns the number of standbys for which a commit can wait.
func (c *Cluster) Replicating(t testing.TB) int {
	t.Helper()
	n, _ := strconv.Atoi(c.Primary.Exec(t, "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'"))
	return n
}

// follow starts a server as a standby of the primary.
func (c *Cluster) follow(t testing.TB, s *Server) {
	t.Helper()
	signal := filepath.Join(s.data(), "standby.signal")
	if err := os.WriteFile(signal, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := own(signal); err != nil {
		t.Fatal(err)
	}
	s.start(t, "-c", fmt.Sprintf("primary_conninfo=%s user=%s application_name=%s", c.route(s, c.Primary), superuser, s.name))
}

// Restart starts the primary again after Crash. The standbys reconnect.
func (c *Cluster) Restart(t testing.TB) {
	t.Helper()
	c.Primary.start(t)
}

// StartAgain starts a server that is off: the primary, or a standby.
func (c *Cluster) StartAgain(t testing.TB, s *Server) {
	t.Helper()
	if s == c.Primary {
		s.start(t)
	} else {
		c.follow(t, s)
	}
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
		c.follow(t, s)
	}
}

// AwaitWaiting waits until a commit waits for a standby.
func (c *Cluster) AwaitWaiting(t testing.TB) {
	t.Helper()
	c.Await(t, func() bool {
		return c.Primary.Exec(t, "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == "t"
	})
}
