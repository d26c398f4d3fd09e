package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/umadb-go/umadb/internal/servertest"
)

// startTimeout is how long a server may take to start, recover or be promoted.
const startTimeout = 60 * time.Second

// superuser is the name of the user, who needs no password.
const superuser = "umadb"

// Install is what to do if there is no server.
const Install = "install PostgreSQL: make postgres, or apt-get install postgresql"

// binVariable is the environment variable of the directory of the programs to test with.
const binVariable = "UMADB_TEST_POSTGRES"

// settings are the settings that differ from the defaults.
var settings = []string{
	"-c", "listen_addresses=", "-c", "max_connections=200", "-c", "max_wal_senders=10", "-c", "shared_buffers=32MB",
	"-c", "wal_keep_size=256MB", "-c", "wal_retrieve_retry_interval=100ms", "-c", "wal_receiver_timeout=10s", "-c", "wal_sender_timeout=10s", "-c", "dynamic_shared_memory_type=mmap",
	"-c", "shared_memory_type=mmap", "-c", "hot_standby_feedback=off",
}

// Server is a server, which may be stopped and started again.
type Server struct {
	name    string
	dir     string // with data and the socket
	bin     string
	names   string // synchronous_standby_names
	process *servertest.Process
}

// findBin returns the directory of the programs: that of the environment, the newest one where
// packages of Debian install them, that of PATH, or that of make postgres.
func findBin() (string, error) {
	if dir := os.Getenv(binVariable); dir != "" {
		return dir, nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) > 0 {
		major := func(path string) int {
			n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
			return n
		}
		return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return major(a) - major(b) })), nil
	}
	path, err := exec.LookPath("postgres")
	if err != nil {
		_, file, _, _ := runtime.Caller(0)
		path = filepath.Join(filepath.Dir(file), "../../../../.cache/postgres/18/bin/postgres")
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", errors.New("there is no program postgres in PATH or in /usr/lib/postgresql; " + Install)
	}
	return filepath.Dir(path), nil
}

// newServer returns a server with a new directory.
func newServer(t testing.TB, name string, options Options) *Server {
	s := &Server{name: name, dir: newDir(t)}
	if options.Mount != nil {
		options.Mount(name, s.dir)
		if err := own(s.dir); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// newDir returns a new directory of the user of the servers. Its path is short, since that of
// a socket is limited to about 100 bytes.
func newDir(t testing.TB) string {
	dir, err := os.MkdirTemp("/tmp", "umadb-pg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := own(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// run runs a program of PostgreSQL.
func run(t testing.TB, bin, program string, args ...string) {
	t.Helper()
	cmd := command(filepath.Join(bin, program), args...)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v; it printed: %s", program, err, output)
	}
}

// command returns a command that runs as another user than root.
func command(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir = "/" // the working directory may be closed to the user
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = attributes()
	return cmd
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// URL returns the address of the server.
func (s *Server) URL() string { return URL(s) }

// URL returns an address of several servers, of which a client uses the primary.
func URL(servers ...*Server) string {
	var hosts []string
	for _, s := range servers {
		hosts = append(hosts, s.dir)
	}
	return fmt.Sprintf("postgres:///postgres?host=%s&user=%s", strings.Join(hosts, ","), superuser)
}

// Name returns the name of the server, which does not change.
func (s *Server) Name() string { return s.name }

// Runs reports whether the server was started, and not ended since.
func (s *Server) Runs() bool { return s.process != nil }

// Dial connects to the server.
func (s *Server) Dial(ctx context.Context) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(s.dir, ".s.PGSQL.5432"))
}

// start starts the server with additional settings, and waits until it accepts connections.
func (s *Server) start(t testing.TB, more ...string) {
	t.Helper()
	args := append([]string{"-D", s.data(), "-k", s.dir, "-c", "synchronous_standby_names=" + s.names}, settings...)
	process, err := servertest.Start(command(filepath.Join(s.bin, "postgres"), append(args, more...)...))
	if err != nil {
		t.Fatal(err)
	}
	s.process = process
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.URL())
		if err == nil {
			conn.Close(ctx)
			return
		}
		select {
		case <-process.Exited():
			t.Fatalf("server %s has exited: %s", s.name, process.Output)
		case <-ctx.Done():
			t.Fatalf("server %s: %v; it printed: %s", s.name, err, process.Output)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Crash ends the server at once, without a checkpoint and without answers to its clients.
func (s *Server) Crash(t testing.TB) {
	t.Helper()
	s.end(t, syscall.SIGQUIT)
}

// end sends a signal to the server, and waits until it has exited.
func (s *Server) end(t testing.TB, signal os.Signal) {
	t.Helper()
	if s.process == nil {
		return
	}
	s.process.Signal(signal)
	select {
	case <-s.process.Exited():
	case <-time.After(startTimeout):
		t.Errorf("server %s does not exit: %s", s.name, s.process.Output)
		s.process.Kill()
	}
	s.process = nil
}

// Exec executes a statement as an administrator, and returns the text of its first value.
func (s *Server) Exec(t testing.TB, sql string, args ...any) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		t.Fatalf("server %s: %v", s.name, err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, sql, append([]any{pgx.QueryExecModeSimpleProtocol}, args...)...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	defer rows.Close()
	value := ""
	if rows.Next() && len(rows.RawValues()) > 0 {
		value = string(rows.RawValues()[0])
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}
