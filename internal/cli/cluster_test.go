package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/admin"
	"github.com/umadb-go/umadb/internal/cli"
	"github.com/umadb-go/umadb/internal/server"
	"github.com/umadb-go/umadb/internal/sharedlog"
	"github.com/umadb-go/umadb/internal/sharedlog/fakelog"
	"github.com/umadb-go/umadb/internal/store"
)

// fakeURL is a URL of the fake engine.
const fakeURL = "fake://host/orders"

// fakeEngine is a fake engine of a shared log, with what Open returns as warnings.
type fakeEngine struct {
	*fakelog.Engine
	warnings []string
	wrap     func(sharedlog.Log) sharedlog.Log // may be nil
}

func newFakeEngine() *fakeEngine { return &fakeEngine{Engine: fakelog.New(fakelog.Options{})} }

// run runs a command of a program that links the engine.
func (e *fakeEngine) run(args ...string) (code int, stdout, stderr string) {
	engine := cli.Engine{Schemes: []string{"fake"}, Example: fakeURL, Open: func(_ context.Context, url string) (sharedlog.Log, []string, error) {
		if url != fakeURL {
			return nil, nil, errors.New("cannot connect:\n\ta: there is no such host\n\ta: there is no such host\n\tb: refused")
		}
		if e.wrap != nil {
			return e.wrap(e.Connect()), e.warnings, nil
		}
		return e.Connect(), e.warnings, nil
	}}
	var out, errs bytes.Buffer
	code = cli.Main(args, strings.NewReader(""), &out, &errs, cli.Extensions{Engines: []cli.Engine{engine}})
	return code, out.String(), errs.String()
}

// cluster runs a command of umadb cluster, whose output is one JSON object.
func (e *fakeEngine) cluster(t *testing.T, wantCode int, output any, args ...string) {
	t.Helper()
	code, stdout, stderr := e.run(append([]string{"cluster"}, append(args, "--json")...)...)
	if code != wantCode {
		t.Fatalf("%v: exit code %d, want %d: %s", args, code, wantCode, stderr)
	}
	if err := json.Unmarshal([]byte(stdout), output); err != nil {
		t.Fatalf("%v: %v in %s", args, err, stdout)
	}
}

// replica is a store that shares the log, and its server.
type replica struct {
	*store.Store
	dir, url string
	stop     func()
}

// join starts a server whose store is in a directory.
func (e *fakeEngine) join(t *testing.T, dir string) *replica {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &replica{dir: dir, url: "http://" + listener.Addr().String()}
	r.Store, err = store.OpenShared(t.Context(), dir, nil, store.Shared{Log: e.Connect(), Address: r.url, Program: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(r.Store, server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	admin.Register(s, r.Store, admin.Version{})
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	stopped := false
	r.stop = func() {
		t.Helper()
		if stopped {
			return
		}
		stopped = true
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := errors.Join(s.Shutdown(ctx), <-served, r.Close()); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(r.stop)
	return r
}

// append appends an event.
func (r *replica) append(t *testing.T, tag string) {
	t.Helper()
	if _, err := r.Append(t.Context(), []dcb.Event{{Type: "T", Tags: []string{tag}}}, nil, nil); err != nil {
		t.Fatal(err)
	}
}

// awaitReports waits until a number of servers has reported all groups of the log.
func (e *fakeEngine) awaitReports(t *testing.T, servers int) {
	t.Helper()
	log := e.Connect()
	await(t, "the servers report all groups", func() bool {
		last, err := log.Last(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		reports, err := log.Replicas(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range reports {
			if r.Applied < last.Index {
				return false
			}
		}
		return len(reports) == servers
	})
}

func TestSettingsOfSharedLogs(t *testing.T) {
	e, dir := newFakeEngine(), t.TempDir()
	for _, c := range []struct {
		args []string
		text string
	}{
		{[]string{"serve", "--log", ""}, "--log is empty: set it to the URL"},
		{[]string{"serve", "--log", "postgres://db/orders"}, "--log must be a URL such as " + fakeURL},
		{[]string{"serve", "--log", "fake://host/%zz"}, "--log is not a valid URL such as " + fakeURL},
		{[]string{"serve", "--log", "fake://user:secret@host/orders"}, "set UMADB_LOG_PASSWORD instead"},
		{[]string{"serve", "--log", fakeURL + "?password=secret"}, "set UMADB_LOG_PASSWORD instead"},
		{[]string{"serve", "--advertise", "http://db:50051"}, "--advertise is given without --log"},
		{[]string{"serve", "--reads", "local"}, "--reads is given without --log"},
		{[]string{"serve", "--max-staleness", "1s"}, "--max-staleness is given without --log"},
		{[]string{"serve", "--log-timeout", "1s"}, "--log-timeout is given without --log"},
		{[]string{"serve", "--log", fakeURL, "--standby-of", "http://db:50051"}, "--log and --standby-of exclude each other"},
		{[]string{"serve", "--log", fakeURL, "--reads", "stale"}, `--reads is "stale": it must be fresh or local`},
		{[]string{"serve", "--log", fakeURL, "--max-staleness", "0"}, "--max-staleness is 0s: it must be above 0"},
		{[]string{"serve", "--log", fakeURL, "--log-timeout", "-1s"}, "--log-timeout is -1s: it must be above 0"},
		{[]string{"serve", "--log", fakeURL, "--log-copies", "0"}, "--log-copies is 0: it must be at least 1"},
		{[]string{"serve", "--log", fakeURL, "--advertise", "db:50051"}, "--advertise cannot be used"},
		{[]string{"serve", "--log", fakeURL, "--advertise", "http://" + strings.Repeat("x", 300)}, "--advertise has 307 bytes, over 255"},
		{[]string{"cluster", "create"}, "no shared log is named: set --log or UMADB_LOG to its URL, such as " + fakeURL},
		{[]string{"cluster", "status"}, "no shared log is named: set --log or UMADB_LOG to its URL, such as " + fakeURL},
		{[]string{"cluster", "status", "--log", "fake://user:secret@host/orders"}, "set UMADB_LOG_PASSWORD instead"},
		{[]string{"cluster", "status", "orders", "--log", fakeURL}, `does not take the argument "orders"`},
		{[]string{"cluster", "detach", "--db-path", ""}, "--db-path is empty"},
	} {
		if c.args[0] == "serve" {
			c.args = append(c.args, "--db-path", filepath.Join(dir, "store"), "--listen", "127.0.0.1:0")
		}
		code, stdout, stderr := e.run(c.args...)
		wantError(t, code, stderr, 2, c.text)
		if stdout != "" || strings.Contains(stderr, "secret") {
			t.Errorf("%v printed %q and %q", c.args, stdout, stderr)
		}
	}
	code, _, stderr := run("cluster", "status", "--log", fakeURL)
	wantError(t, code, stderr, 2, "this program supports no shared log")
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("the directory contains %v, %v", entries, err)
	}
}

// created is the JSON output of cluster create.
type created struct {
	Log, Store string
	After      uint64
}

// status is the JSON output of cluster status.
type status struct {
	created
	Last            uint64
	PreferredWriter string `json:"preferred_writer"`
	Servers         []struct {
		ID, Address, Version string
		Applied, Durable     uint64
		Lag, Ahead           uint64
	}
	Warnings []string
}

func TestClusterCreateAndStatus(t *testing.T) {
	e := newFakeEngine()
	code, _, stderr := e.run("cluster", "status", "--log", fakeURL)
	wantError(t, code, stderr, 2, "there is no shared log: check its URL, or make it with umadb cluster create")
	var c created
	e.cluster(t, 0, &c, "create", "--log", fakeURL)
	if len(c.Log) != 32 || len(c.Store) != 32 || c.Log == c.Store || c.After != 0 {
		t.Errorf("created %+v", c)
	}
	code, _, stderr = e.run("cluster", "create", "--log", fakeURL)
	wantError(t, code, stderr, 2, "the shared log exists: "+c.Log+", after group 0; start its servers with umadb serve --log")
	var s status
	if e.cluster(t, 0, &s, "status", "--log", fakeURL); s.created != c || s.Last != 0 || s.PreferredWriter != "" || len(s.Servers) != 0 || s.Servers == nil || s.Warnings == nil {
		t.Errorf("the status of an empty log is %+v", s)
	}
	if _, text, _ := e.run("cluster", "status", "--log", fakeURL); text != "log "+c.Log+", empty after group 0\nno server has reported in the last 15 seconds\n" {
		t.Errorf("the status of an empty log is %q", text)
	}

	a, b := e.join(t, t.TempDir()), e.join(t, t.TempDir())
	a.append(t, "1")
	b.append(t, "2")
	e.awaitReports(t, 2)
	e.warnings = []string{"the engine has one disk"}
	code, stdout, stderr := e.run("cluster", "status", "--log", fakeURL, "--json")
	if s = (status{}); json.Unmarshal([]byte(stdout), &s) != nil || code != 0 {
		t.Fatalf("exit code %d, %s %s", code, stdout, stderr)
	}
	if s.Last != 2 || s.PreferredWriter != b.url || len(s.Servers) != 2 || s.Servers[0].Applied != 2 || s.Servers[1].Lag != 0 || s.Servers[0].Version != "1.2.3" || s.Servers[0].Address >= s.Servers[1].Address {
		t.Errorf("the status is %+v", s)
	}
	if len(s.Warnings) != 1 || stderr != "umadb: the engine has one disk\n" {
		t.Errorf("the warnings are %v, and on standard error %q", s.Warnings, stderr)
	}
	_, text, _ := e.run("cluster", "status", "--log", fakeURL)
	for _, want := range []string{"with its last group 2\n", "preferred writer " + b.url + "\n", "SERVER", a.url, "1.2.3"} {
		if !strings.Contains(text, want) {
			t.Errorf("the status is %q, without %q", text, want)
		}
	}
	if err := e.Connect().Trim(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	s = status{}
	if e.cluster(t, 0, &s, "status", "--log", fakeURL); s.Last != 2 || s.PreferredWriter != "" {
		t.Errorf("the status of a log without records is %+v", s)
	}
	e.warnings = nil
	log := e.Connect()
	last, err := log.Last(t.Context())
	if err == nil {
		err = log.Append(t.Context(), last, 7, []byte("no record"))
	}
	if err != nil {
		t.Fatal(err)
	}
	code, text, stderr = e.run("cluster", "status", "--log", fakeURL)
	if code != 0 || !strings.Contains(text, "with its last group 3\n") || !strings.Contains(stderr, "group 3 of the shared log: corrupt") {
		t.Errorf("with a last record that is none: exit code %d, %q, %q", code, text, stderr)
	}
	e.SetDown(true)
	code, _, stderr = e.run("cluster", "status", "--log", fakeURL)
	wantError(t, code, stderr, 5, "cannot use the shared log; check its URL, and that its engine is reachable: the fake engine is down")
	code, _, stderr = e.run("cluster", "create", "--log", "fake://hots/orders")
	wantError(t, code, stderr, 5, "cannot connect: a: there is no such host; b: refused")
}

// deadlines keeps the deadlines of requests.
type deadlines struct {
	sharedlog.Log
	origin, create time.Time
}

func (d *deadlines) Origin(ctx context.Context) (sharedlog.Origin, error) {
	d.origin, _ = ctx.Deadline()
	return d.Log.Origin(ctx)
}

func (d *deadlines) Create(ctx context.Context, origin sharedlog.Origin) (sharedlog.Origin, error) {
	d.create, _ = ctx.Deadline()
	return d.Log.Create(ctx, origin)
}

// Opening a large store does not take the time of the requests to the log.
func TestRequestsOfClusterCreateHaveTheirOwnTime(t *testing.T) {
	e, dir, log := newFakeEngine(), filepath.Join(t.TempDir(), "uma.db"), &deadlines{}
	openStore(t, dir, func(*store.Store) {})
	e.wrap = func(inner sharedlog.Log) sharedlog.Log {
		log.Log = inner
		return log
	}
	if code, _, stderr := e.run("cluster", "create", "--log", fakeURL, "--from", dir); code != 0 {
		t.Fatal(stderr)
	}
	if log.origin.IsZero() || !log.create.After(log.origin) {
		t.Errorf("the deadlines are %v, and %v after the store was opened", log.origin, log.create)
	}
}

func TestClusterCreateFromAStoreAndDetach(t *testing.T) {
	e, dir := newFakeEngine(), filepath.Join(t.TempDir(), "uma.db")
	openStore(t, dir, func(s *store.Store) {
		if _, err := s.Append(t.Context(), []dcb.Event{{Type: "T"}, {Type: "T"}}, nil, nil); err != nil {
			t.Fatal(err)
		}
		code, _, stderr := e.run("cluster", "create", "--log", fakeURL, "--from", dir)
		wantError(t, code, stderr, 1, "locked by")
	})
	code, _, stderr := e.run("cluster", "create", "--log", fakeURL, "--from", dir+"x")
	wantError(t, code, stderr, 1, "there is no store in "+dir+"x; set its directory with --from")
	code, _, stderr = e.run("cluster", "detach", "--db-path", dir)
	wantError(t, code, stderr, 1, "is not a replica of a shared log: umadb serve can open it")
	code, _, stderr = e.run("cluster", "detach", "--db-path", dir+"x")
	wantError(t, code, stderr, 1, "there is no store in "+dir+"x; set its directory with --db-path")

	var c created
	if e.cluster(t, 0, &c, "create", "--log", fakeURL, "--from", dir); c.After < 2 {
		t.Errorf("created %+v", c)
	}
	code, _, stderr = e.run("append", "--db-path", dir, "--type", "T")
	wantError(t, code, stderr, 1, "it follows the shared log "+c.Log)
	code, _, stderr = e.run("cluster", "repair", "--log", fakeURL, "--db-path", dir)
	wantError(t, code, stderr, 2, dir+" is not the directory of a server of the shared log")
	r := e.join(t, dir)
	r.append(t, "3")
	code, _, stderr = e.run("cluster", "detach", "--db-path", dir)
	wantError(t, code, stderr, 1, "locked by")
	r.stop()
	code, _, stderr = e.run("serve", "--db-path", dir, "--listen", "127.0.0.1:0")
	_, stderr, _ = strings.Cut(stderr, "\n") // that the server starts
	wantError(t, code, stderr, 2, "it follows the shared log "+c.Log, "umadb serve --log URL", "umadb cluster detach")
	code, _, stderr = e.run("append", "--db-path", dir, "--type", "T")
	wantError(t, code, stderr, 1, "it follows the shared log "+c.Log)
	if code, stdout, stderr := e.run("head", "--db-path", dir); code != 0 || stdout != "3\n" {
		t.Errorf("the head of a replica: exit code %d, %q %q", code, stdout, stderr)
	}
	other := newFakeEngine()
	code, _, stderr = other.run("cluster", "create", "--log", fakeURL, "--from", dir)
	wantError(t, code, stderr, 1, "it follows the shared log "+c.Log)
	var d struct {
		Log  string
		Head uint64
	}
	if e.cluster(t, 0, &d, "detach", "--db-path", dir); d.Log != c.Log || d.Head != 3 {
		t.Errorf("detached %+v", d)
	}
	openStore(t, dir, func(s *store.Store) {
		if position, err := s.Append(t.Context(), []dcb.Event{{Type: "T"}}, nil, nil); position != 4 || err != nil {
			t.Errorf("appended at %d, %v", position, err)
		}
	})
	if other.cluster(t, 0, &c, "create", "--log", fakeURL, "--from", dir); c.After < 4 {
		t.Errorf("created %+v", c)
	}
	e.cluster(t, 0, &d, "detach", "--db-path", dir) // else it is the directory of that log
	for _, args := range [][]string{{"is empty; start"}, {" the last one of " + dir + "; start", "--from", dir}} {
		code, stdout, stderr := newFakeEngine().run(append([]string{"cluster", "create", "--log", fakeURL}, args[1:]...)...)
		if code != 0 || !strings.Contains(stdout, args[0]) {
			t.Errorf("create %v: exit code %d, %q %s", args[1:], code, stdout, stderr)
		}
	}
}
