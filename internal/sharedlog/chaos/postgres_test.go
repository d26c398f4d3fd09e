//go:build linux

package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/compressed"
	"github.com/umadb-go/umadb/internal/sharedlog/postgres"
	"github.com/umadb-go/umadb/internal/sharedlog/postgres/pgtest"
)

// postgresEngine is a primary with two standbys, of which each commit needs one.
type postgresEngine struct {
	cluster *pgtest.Cluster
	servers []*pgtest.Server // in the order of the URL
	links   map[[2]string]*link
	disks   map[string]*disk // of each server, nil if it has none of its own
}

func startPostgres(w *world) engine {
	e := &postgresEngine{links: map[[2]string]*link{}, disks: map[string]*disk{}}
	e.cluster = pgtest.StartWith(w, pgtest.Options{
		Standbys: 2,
		Mount:    func(name, dir string) { e.disks[name] = newDisk(w, dir, filepath.Join(w.dir, name+".disk")) },
		Route: func(from, to *pgtest.Server) string {
			key := [2]string{from.Name(), to.Name()}
			if e.links[key] == nil {
				e.links[key] = newLink(w, to.Dial)
			}
			host, port, _ := net.SplitHostPort(e.links[key].address)
			return fmt.Sprintf("host=%s port=%s", host, port)
		},
	})
	e.servers = append([]*pgtest.Server{e.cluster.Primary}, e.cluster.Standbys...)
	for _, s := range e.servers {
		e.sync(w, s)
	}
	return e
}

// sync makes the data of a server durable, which it does not do with a copy of another one.
func (e *postgresEngine) sync(w *world, s *pgtest.Server) {
	if d := e.disks[s.Name()]; d != nil {
		w.must(d.sync())
	}
}

// rejoin makes a server that is off a standby again.
func (e *postgresEngine) rejoin(w *world, s *pgtest.Server) {
	e.cluster.Rejoin(w, s)
	e.sync(w, s)
	e.awaitHealed(w)
}

// cutPower ends servers, and discards what they have not synced.
func (e *postgresEngine) cutPower(w *world, servers ...*pgtest.Server) {
	for _, s := range servers {
		s.Signal(w, syscall.SIGSTOP)
	}
	for _, s := range servers {
		if d := e.disks[s.Name()]; d != nil {
			w.must(d.fail())
		}
		s.Kill(w)
		if d := e.disks[s.Name()]; d != nil {
			w.must(d.repair())
		}
	}
}

// startAll starts all servers again.
func (e *postgresEngine) startAll(w *world) {
	e.cluster.StartAgain(w, e.cluster.Primary)
	for _, s := range e.cluster.Standbys {
		e.cluster.StartAgain(w, s)
	}
	e.awaitHealed(w)
}

func (e *postgresEngine) members() int { return len(e.servers) }

func (e *postgresEngine) dial(member int) func(context.Context) (net.Conn, error) {
	return e.servers[member].Dial
}

func (e *postgresEngine) url(addresses []string) string {
	return "postgres://umadb@" + strings.Join(addresses, ",") + "/postgres?sslmode=disable"
}

func (e *postgresEngine) open(ctx context.Context) (sharedlog.Log, error) {
	log, err := postgres.Open(ctx, e.cluster.Primary.URL())
	if err != nil {
		return nil, err
	}
	return compressed.New(log), nil
}

// committer implements engine. A commit waits for a standby, and is not repeated: the server may
// have stopped, and answers when it continues.
func (e *postgresEngine) committer(member int) func(context.Context) error {
	var conn *pgx.Conn
	alone := false // the wait for a standby was cancelled
	return func(ctx context.Context) (err error) {
		if conn == nil || conn.IsClosed() {
			config, err := pgx.ParseConfig(e.servers[member].URL())
			if err != nil {
				return err
			}
			config.OnNotice = func(*pgconn.PgConn, *pgconn.Notice) { alone = true }
			if conn, err = pgx.ConnectConfig(ctx, config); err != nil {
				return err
			}
		}
		alone = false
		standby := false
		err = conn.QueryRow(ctx, "SELECT pg_is_in_recovery(), CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_logical_emit_message(true, 'probe', '') END").Scan(&standby, nil)
		if err == nil && (standby || alone) {
			err = errors.New("no commit")
		}
		return err
	}
}

func (e *postgresEngine) keepsAll() bool { return true }

func (e *postgresEngine) healed(t testing.TB) bool {
	return len(e.cluster.Standbys) == 2 && e.cluster.Replicating(t) == 2
}

// awaitHealed waits until both standbys replicate, so that a failover loses nothing.
func (e *postgresEngine) awaitHealed(t testing.TB) {
	t.Helper()
	e.cluster.Await(t, func() bool { return e.healed(t) })
}

// isolate resets the connections of the standbys to a server, and refuses new ones until the
// result is called.
func (e *postgresEngine) isolate(t testing.TB, s *pgtest.Server) (restore func()) {
	var closed []*link
	for key, l := range e.links {
		if key[1] == s.Name() {
			l.close()
			closed = append(closed, l)
		}
	}
	return func() {
		for _, l := range closed {
			if err := l.open(); err != nil {
				t.Error(err)
			}
		}
	}
}

func (e *postgresEngine) faults() []fault {
	return []fault{
		{"kill the primary", 3, engineOnly, func(w *world) heal {
			e.awaitHealed(w)
			e.cluster.Primary.Kill(w)
			return func() { e.cluster.StartAgain(w, e.cluster.Primary); e.awaitHealed(w) }
		}},
		{"kill a standby", 2, engineOnly, func(w *world) heal {
			s := e.cluster.Standbys[w.chance.IntN(len(e.cluster.Standbys))]
			s.Kill(w)
			return func() { e.cluster.StartAgain(w, s); e.awaitHealed(w) }
		}},
		{"kill all members of the engine", 2, engineOnly, func(w *world) heal {
			for _, i := range w.chance.Perm(len(e.servers)) {
				e.servers[i].Kill(w)
			}
			return func() { e.startAll(w) }
		}},
		{"cut the power of all members of the engine", 3, engineOnly, func(w *world) heal {
			e.cutPower(w, e.servers...)
			return func() { e.startAll(w) }
		}},
		{"cut the power of the primary, and promote a standby", 3, engineOnly, func(w *world) heal {
			e.awaitHealed(w)
			restore := e.isolate(w, e.cluster.Primary)
			e.cutPower(w, e.cluster.Primary)
			old := e.cluster.Promote(w)
			restore()
			return func() { e.rejoin(w, old) }
		}},
		// Afterwards the commits that waited look as if a standby had them.
		{"kill the primary while commits wait, and promote a standby", 2, engineOnly, func(w *world) heal {
			e.awaitHealed(w)
			restore := e.isolate(w, e.cluster.Primary)
			w.pause(500*time.Millisecond, time.Second)
			w.note("       %s commits wait", e.cluster.Primary.Exec(w, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"))
			e.cluster.Primary.Kill(w)
			e.cluster.StartAgain(w, e.cluster.Primary)
			w.pause(2*time.Second, 4*time.Second) // until nodes try again
			e.cluster.Primary.Kill(w)
			old := e.cluster.Promote(w)
			restore()
			return func() { e.rejoin(w, old) }
		}},
		{"stop a member of the engine", 2, engineOnly, func(w *world) heal {
			s := e.servers[w.chance.IntN(len(e.servers))]
			s.Signal(w, syscall.SIGSTOP)
			return func() { s.Signal(w, syscall.SIGCONT); e.awaitHealed(w) }
		}},
		{"promote a standby after the primary is killed", 6, everything, func(w *world) heal {
			e.awaitHealed(w)
			since := w.now()
			restore := e.isolate(w, e.cluster.Primary)
			e.cluster.Primary.Kill(w)
			old := e.cluster.Promote(w)
			restore()
			w.took("promotion of a standby", since, noNode)
			return func() { e.rejoin(w, old) }
		}},
		{"promote a standby while the old primary runs", 3, engineOnly, func(w *world) heal {
			e.awaitHealed(w)
			restore := e.isolate(w, e.cluster.Primary)
			old := e.cluster.Promote(w)
			return func() { // the nodes have reached both until now
				old.Kill(w)
				restore()
				e.rejoin(w, old)
			}
		}},
		{"stop the old primary, promote a standby, and let it continue", 2, engineOnly, func(w *world) heal {
			e.awaitHealed(w)
			old := e.cluster.Primary
			old.Signal(w, syscall.SIGSTOP)
			restore := e.isolate(w, old)
			e.cluster.Promote(w)
			w.pause(time.Second, 3*time.Second)
			old.Signal(w, syscall.SIGCONT)
			return func() {
				old.Kill(w)
				restore()
				e.rejoin(w, old)
			}
		}},
		{"disturb the replication of the engine", 3, engineOnly, func(w *world) heal {
			var disturbed []*link
			for key, l := range e.links {
				if key[1] == e.cluster.Primary.Name() && key[0] != key[1] {
					disturbed = append(disturbed, l)
				}
			}
			return w.disturb(disturbed)
		}},
		{"terminate the sessions of the primary", 1, engineOnly, func(w *world) heal {
			e.cluster.Primary.Exec(w, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'umadb'")
			return nil
		}},
		{"cancel the commits of the primary", 1, engineOnly, func(w *world) heal {
			for range 20 {
				e.cluster.Primary.Exec(w, "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
				w.pause(10*time.Millisecond, 50*time.Millisecond)
			}
			return func() { e.awaitHealed(w) }
		}},
	}
}
