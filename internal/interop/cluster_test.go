package interop_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/servertest"
	"github.com/umadb-go/umadb/internal/sharedlog/etcd"
	"github.com/umadb-go/umadb/internal/sharedlog/etcd/etcdtest"
	"github.com/umadb-go/umadb/internal/sharedlog/postgres/pgtest"
)

// umadb runs a command of our program with variables, and returns its exit code and output.
func umadb(t *testing.T, environment []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	program, err := buildServer()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), environment...), &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// wantFailure runs a command that must fail with an exit code and print texts.
func wantFailure(t *testing.T, wantCode int, args []string, texts ...string) {
	t.Helper()
	code, _, stderr := umadb(t, nil, args...)
	if code != wantCode {
		t.Errorf("%v: exit code %d, want %d", args, code, wantCode)
	}
	for _, text := range texts {
		if !strings.Contains(stderr, text) {
			t.Errorf("%v printed %q, without %q", args, stderr, text)
		}
	}
}

// node is a server of a shared log.
type node struct {
	log, dir, address string
	scheme            string
	args              []string // further ones
	process           *servertest.Process
	client            *client.Client
}

// url returns the URL of the server.
func (n *node) url() string { return n.scheme + "://" + n.address }

// newNode starts a server of a shared log, with a directory that may exist.
func newNode(t *testing.T, log, dir string, args ...string) *node {
	t.Helper()
	n := &node{log: log, dir: dir, address: servertest.Address(t), scheme: "http", args: args}
	n.start(t)
	var err error
	if n.client, err = client.Dial(n.url(), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.client.Close() })
	return n
}

// start starts the server, which was never started or has exited.
func (n *node) start(t *testing.T) {
	t.Helper()
	program, err := buildServer()
	if err != nil {
		t.Fatal(err)
	}
	n.process, err = servertest.StartUmaDB(t.Context(), exec.Command(program, append([]string{"serve", "--db-path", n.dir, "--listen", n.address,
		"--log", n.log, "--advertise", n.url()}, n.args...)...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.process.Kill)
}

// numbered returns the event for a position.
func numbered(position uint64) dcb.Event {
	return dcb.Event{Type: "T", Tags: []string{"all"}, UUID: fmt.Sprintf("0195a7e0-0000-7000-8000-%012x", position)}
}

// onlyAfter is a condition that holds if no numbered event is after a position.
func onlyAfter(position uint64) *dcb.AppendCondition {
	return &dcb.AppendCondition{After: position, FailIfEventsMatch: dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"all"}}}}}
}

func (n *node) stop(t *testing.T) {
	t.Helper()
	if err := n.process.Stop(); err != nil {
		t.Error(err, n.process.Output)
	}
}

// append appends the event for the next position. It may have been appended before: with its
// ID and a condition, an append can be repeated.
func (n *node) append(t *testing.T, next uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		position, err := n.client.Append(ctx, []dcb.Event{numbered(next)}, onlyAfter(next-1), nil)
		if errors.Is(err, dcb.ErrTransport) && ctx.Err() == nil {
			continue
		}
		if position != next || err != nil {
			t.Fatalf("event %d is at position %d, %v", next, position, err)
		}
		return
	}
}

// awaitJoined waits until a server has read what it lacks from another one.
func (n *node) awaitJoined(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		_, err := n.client.Head(t.Context())
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server has not joined: %v; it printed: %s", err, n.process.Output)
		}
	}
}

// wantEvents reads all events of a server, which must be the numbered ones.
func (n *node) wantEvents(t *testing.T, head uint64) {
	t.Helper()
	events, _, err := n.client.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect()
	if err != nil || uint64(len(events)) != head {
		t.Errorf("%s has %d events instead of %d, %v", n.address, len(events), head, err)
	}
	for _, e := range events {
		if e.Event.UUID != numbered(e.Position).UUID {
			t.Errorf("%s has the event %s at position %d", n.address, e.Event.UUID, e.Position)
		}
	}
}

// TestServersOfASharedLog starts with a store that exists, and ends with one of its own.
func TestServersOfASharedLog(t *testing.T) {
	engine := pgtest.Start(t, 0)
	url := engine.URL() + "&schema=orders"
	first := filepath.Join(t.TempDir(), "first")
	head := uint64(0)
	for ; head < 3; head++ {
		if code, _, stderr := umadb(t, nil, "append", "--db-path", first, "--type", "T", "--tag", "all", "--uuid", numbered(head+1).UUID); code != 0 {
			t.Fatal(stderr)
		}
	}
	wantFailure(t, 2, []string{"cluster", "status", "--log", url}, "there is no shared log in schema orders", "umadb cluster create")
	wantFailure(t, 2, []string{"serve", "--db-path", first + "x", "--listen", "127.0.0.1:0", "--log", url}, "there is no shared log in schema orders", "umadb cluster create")
	code, created, stderr := umadb(t, nil, "cluster", "create", "--log", url, "--from", first, "--json")
	if code != 0 || !strings.Contains(stderr, "no synchronous standbys") {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var log struct{ Log string }
	if err := json.Unmarshal([]byte(created), &log); err != nil || len(log.Log) != 32 {
		t.Fatalf("created %q, %v", created, err)
	}
	wantFailure(t, 2, []string{"cluster", "create", "--log", url}, "the shared log exists: "+log.Log)

	nodes := make([]*node, 3)
	for i := range nodes {
		dir := filepath.Join(t.TempDir(), "node")
		if err := os.CopyFS(dir, os.DirFS(first)); err != nil {
			t.Fatal(err)
		}
		nodes[i] = newNode(t, url, dir, "--forward=false") // each proposes its own appends
	}

	// Appends at all nodes, after a condition on what another node has appended. Each node reads
	// what any other has acknowledged.
	appendAt := func(n *node) {
		t.Helper()
		head++
		n.append(t, head)
	}
	for i := range 12 {
		n, other := nodes[i%3], nodes[(i+1)%3]
		appendAt(n)
		_, err := other.client.Append(t.Context(), []dcb.Event{{Type: "T", Tags: []string{"all"}}}, onlyAfter(head-1), nil)
		if refused, ok := errors.AsType[*dcb.Error](err); !ok || refused.Kind != dcb.ErrIntegrity || refused.ConflictPosition != head {
			t.Errorf("a condition that fails at position %d: %v", head, err)
		}
		if has, err := other.client.Head(t.Context()); has != head || err != nil {
			t.Errorf("after an append at position %d, another server has the head %d, %v", head, has, err)
		}
	}
	for _, n := range nodes {
		n.wantEvents(t, head)
	}

	// A node that is killed, while the others continue, has everything after a restart.
	nodes[1].process.Kill()
	appendAt(nodes[0])
	appendAt(nodes[2])
	nodes[1].start(t)
	appendAt(nodes[1])
	nodes[1].wantEvents(t, head)

	// Without the engine, the outcome of an append is unknown. It is repeated at another node.
	engine.Primary.Crash(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	_, err := nodes[0].client.Append(ctx, []dcb.Event{numbered(head + 1)}, onlyAfter(head), nil)
	cancel()
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, dcb.ErrTransport) {
		t.Errorf("an append without the engine: %v", err)
	}
	wantFailure(t, 5, []string{"cluster", "status", "--log", url}, "check its URL, and that its engine is reachable")
	engine.Restart(t)
	for i := range nodes {
		appendAt(nodes[(i+1)%3])
	}
	for _, n := range nodes {
		n.wantEvents(t, head)
	}

	t.Run("status", func(t *testing.T) { wantStatus(t, url, nodes) })

	verify := []string{"cluster", "verify", "--log", url}
	if code, stdout, stderr := umadb(t, nil, verify...); code != 0 || strings.Count(stdout, "equal up to group") != 3 {
		t.Errorf("verify: exit code %d: %s%s", code, stdout, stderr)
	}

	nodes[2].stop(t)
	dir := nodes[2].dir
	wantFailure(t, 2, []string{"serve", "--db-path", dir, "--listen", "127.0.0.1:0"}, "it follows the shared log "+log.Log, "umadb serve --log URL", "umadb cluster detach")
	wantFailure(t, 2, []string{"serve", "--db-path", dir, "--listen", "127.0.0.1:0", "--log", engine.URL() + "&schema=order"}, "there is no shared log in schema order", "umadb cluster create")
	if code, _, stderr := umadb(t, nil, "cluster", "detach", "--db-path", dir); code != 0 {
		t.Error(stderr)
	}
	if code, stdout, stderr := umadb(t, nil, "append", "--db-path", dir, "--type", "T"); code != 0 || stdout != fmt.Sprintln(head+1) {
		t.Errorf("an append to a detached store: %q, %s", stdout, stderr)
	}
	wantFailure(t, 6, []string{"serve", "--db-path", dir, "--listen", "127.0.0.1:0", "--log", url}, "the shared log has lost groups, or the directory was a store of its own meanwhile; see umadb cluster repair")
}

// TestSharedLogThatLostItsEnd removes the last rows, as a failover without synchronous standbys
// does.
func TestSharedLogThatLostItsEnd(t *testing.T) {
	engine := pgtest.Start(t, 0)
	url := engine.URL()
	if code, _, stderr := umadb(t, nil, "cluster", "create", "--log", url); code != 0 {
		t.Fatal(stderr)
	}
	a, b := newNode(t, url, filepath.Join(t.TempDir(), "a")), newNode(t, url, filepath.Join(t.TempDir(), "b"))
	for head := range uint64(4) {
		a.append(t, head+1)
	}
	b.wantEvents(t, 4)
	b.stop(t) // it does not have what is lost
	chain := engine.Primary.Exec(t, "SELECT chain FROM umadb.umadb_head")
	for head := uint64(4); head < 7; head++ {
		a.append(t, head+1)
	}
	lose := func() {
		engine.Primary.Exec(t, "DELETE FROM umadb.umadb_record WHERE idx > 4")
		engine.Primary.Exec(t, "UPDATE umadb.umadb_head SET last = 4, chain = "+chain)
	}
	lose()
	verify := []string{"cluster", "verify", "--log", url}
	code, stdout, stderr := umadb(t, nil, verify...)
	if code != 6 || !strings.Contains(stdout, "AHEAD: the log has lost what follows group 4") || !strings.Contains(stderr, "see umadb cluster repair") {
		t.Errorf("verify: exit code %d: %s%s", code, stdout, stderr)
	}
	if _, err := a.client.Append(t.Context(), []dcb.Event{{Type: "T"}}, nil, nil); err == nil {
		t.Error("a server that has more than the log accepted an append")
	}
	a.process.Kill()
	wantFailure(t, 6, []string{"serve", "--db-path", a.dir, "--listen", "127.0.0.1:0", "--log", url}, "the shared log has lost groups, or the directory was a store of its own meanwhile; see umadb cluster repair")
	repair := []string{"cluster", "repair", "--log", url, "--db-path", a.dir}
	code, stdout, _ = umadb(t, nil, repair...)
	if code != 6 || !strings.Contains(stdout, "ends with group 4, and has lost 3 groups with 3 events") || !strings.Contains(stdout, "nothing was changed") {
		t.Errorf("repair: exit code %d: %s", code, stdout)
	}
	code, stdout, stderr = umadb(t, nil, append(repair, "--append")...)
	if code != 0 || !strings.Contains(stdout, "appended 3 groups") {
		t.Errorf("repair: exit code %d: %s%s", code, stdout, stderr)
	}
	a.start(t)
	b.start(t)
	b.append(t, 8)
	a.wantEvents(t, 8)
	b.wantEvents(t, 8)

	// Now a server that does not have what is lost appends before the repair.
	b.stop(t)
	lose()
	a.process.Kill()
	c := newNode(t, url, filepath.Join(t.TempDir(), "c"))
	c.append(t, 5)
	code, stdout, stderr = umadb(t, nil, append(repair, "--append")...)
	if code != 6 || !strings.Contains(stdout, a.dir+" differs from group 5 on") || strings.Count(stdout, ": group 5 with 1 event from position 5, committed at") != 2 {
		t.Errorf("repair: exit code %d: %s%s", code, stdout, stderr)
	}
	code, stdout, _ = umadb(t, nil, append(verify, "--db-path", a.dir)...)
	if code != 6 || !strings.Contains(stdout, a.dir+" differs from group 5 on") {
		t.Errorf("verify: exit code %d: %s", code, stdout)
	}
}

// TestSharedLogWhoseEngineIsLost makes a new log from the directory that has most, which then is
// the source of the others.
func TestSharedLogWhoseEngineIsLost(t *testing.T) {
	engine := pgtest.Start(t, 0)
	log := func(schema string) string { return engine.URL() + "&schema=" + schema }
	if code, _, stderr := umadb(t, nil, "cluster", "create", "--log", log("lost")); code != 0 {
		t.Fatal(stderr)
	}
	a, b := newNode(t, log("lost"), filepath.Join(t.TempDir(), "a")), newNode(t, log("lost"), filepath.Join(t.TempDir(), "b"))
	a.append(t, 1)
	b.append(t, 2)
	b.stop(t)
	a.append(t, 3)
	a.stop(t)
	engine.Primary.Exec(t, "DROP SCHEMA lost CASCADE")
	wantFailure(t, 2, []string{"cluster", "repair", "--log", log("lost"), "--db-path", a.dir}, "there is no shared log in schema lost")
	for dir, head := range map[string]string{a.dir: "3\n", b.dir: "2\n"} {
		if code, stdout, stderr := umadb(t, nil, "head", "--db-path", dir); code != 0 || stdout != head {
			t.Errorf("the head is %q: %s", stdout, stderr)
		}
	}
	for _, args := range [][]string{{"detach"}, {"create", "--log", log("made"), "--from", a.dir}} {
		if args[0] == "detach" {
			args = append(args, "--db-path", a.dir)
		}
		if code, _, stderr := umadb(t, nil, append([]string{"cluster"}, args...)...); code != 0 {
			t.Fatal(stderr)
		}
	}
	a.log, b.log = log("made"), log("made")
	a.start(t)
	wantFailure(t, 2, []string{"serve", "--db-path", b.dir, "--listen", "127.0.0.1:0", "--log", b.log}, "belongs to the shared log")
	b.dir = filepath.Join(t.TempDir(), "new")
	b.start(t)
	b.awaitJoined(t)
	b.wantEvents(t, 3)
	b.append(t, 4)
	a.wantEvents(t, 4)
	if code, stdout, stderr := umadb(t, nil, "cluster", "verify", "--log", a.log); code != 0 {
		t.Errorf("verify: exit code %d: %s%s", code, stdout, stderr)
	}
}

// TestClusterVerifyOfATrimmedLog verifies servers whose log in etcd has only its end, one of them new.
func TestClusterVerifyOfATrimmedLog(t *testing.T) {
	url := etcdtest.Start(t, 1).URL("orders")
	if code, _, stderr := umadb(t, nil, "cluster", "create", "--log", url); code != 0 {
		t.Fatal(stderr)
	}
	a, b := newNode(t, url, filepath.Join(t.TempDir(), "a")), newNode(t, url, filepath.Join(t.TempDir(), "b"))
	for head := range uint64(10) {
		[]*node{a, b}[head%2].append(t, head+1)
	}
	log, err := etcd.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if err := log.Trim(t.Context(), 6); err != nil {
		t.Fatal(err)
	}
	c := newNode(t, url, filepath.Join(t.TempDir(), "c"))
	c.awaitJoined(t)
	c.wantEvents(t, 10)
	wantStatus(t, url, []*node{a, b, c})
	code, stdout, stderr := umadb(t, nil, "cluster", "verify", "--log", url)
	if code != 0 || !strings.Contains(stdout, "with groups 7 to 10\n") || strings.Count(stdout, "equal up to group 10") != 3 {
		t.Errorf("verify: exit code %d: %s%s", code, stdout, stderr)
	}
	c.stop(t)
	code, stdout, stderr = umadb(t, nil, "cluster", "verify", "--log", url, "--db-path", c.dir)
	if code != 0 || !strings.Contains(stdout, c.dir+", up to group 10: equal up to group 10\n") {
		t.Errorf("verify: exit code %d: %s%s", code, stdout, stderr)
	}
	if code, stdout, stderr = umadb(t, nil, "cluster", "repair", "--log", url, "--db-path", c.dir); code != 0 {
		t.Errorf("repair: exit code %d: %s%s", code, stdout, stderr)
	}
}

// wantStatus checks the output of cluster status when all servers have all groups.
func wantStatus(t *testing.T, url string, nodes []*node) {
	type status struct {
		Last            uint64
		PreferredWriter string `json:"preferred_writer"`
		Servers         []struct {
			Address      string
			Applied, Lag uint64
		}
		Warnings []string
	}
	isWriter := func(s *status) bool {
		return slices.ContainsFunc(nodes, func(n *node) bool { return s.PreferredWriter == "http://"+n.address })
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		var s status
		code, stdout, stderr := umadb(t, nil, "cluster", "status", "--log", url, "--json")
		if err := json.Unmarshal([]byte(stdout), &s); code != 0 || err != nil {
			t.Fatalf("exit code %d, %v: %s", code, err, stderr)
		}
		lag := uint64(0)
		for _, line := range s.Servers {
			lag += line.Lag
		}
		if len(s.Servers) == len(nodes) && lag == 0 && isWriter(&s) && len(s.Warnings) == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the status is %+v", s)
		}
	}
}

func TestURLOfASharedLog(t *testing.T) {
	engine := pgtest.Start(t, 0).Primary
	engine.Exec(t, "CREATE USER secured PASSWORD 'right'")
	engine.Exec(t, "GRANT CREATE ON DATABASE postgres TO secured")
	file := engine.Exec(t, "SHOW hba_file")
	engine.Exec(t, "COPY (VALUES ('local all secured scram-sha-256'), ('local all all trust')) TO '"+file+"'")
	engine.Exec(t, "SELECT pg_reload_conf()")
	url := strings.Replace(engine.URL(), "user=umadb", "user=secured", 1)
	for _, c := range []struct {
		name, url, password string
		code                int
		text                string
	}{
		{"no password", url, "", 5, "set its password in UMADB_LOG_PASSWORD"},
		{"wrong password", url, "wrong", 5, "set its password in UMADB_LOG_PASSWORD"},
		{"another user", strings.Replace(url, "user=secured", "user=unknown", 1), "", 5, "unknown"},
		{"another host", strings.Replace(url, "host=/", "host=/nowhere/", 1), "", 5, "check its URL, and that its engine is reachable"},
		{"another database", strings.Replace(url, "/postgres?", "/postgers?", 1), "right", 5, `database "postgers" does not exist`},
		{"password in the URL", url + "&password=right", "", 2, "set UMADB_LOG_PASSWORD instead"},
		{"schema", url + "&schema=Orders", "right", 2, "invalid schema"},
		{"scheme", strings.Replace(url, "postgres:", "mysql:", 1), "right", 2, "--log must be a URL such as postgres://"},
		{"right", url, "right", 0, ""},
	} {
		code, _, stderr := umadb(t, []string{"UMADB_LOG_PASSWORD=" + c.password}, "cluster", "create", "--log", c.url)
		if code != c.code || !strings.Contains(stderr, c.text) || c.code != 0 && strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d: %s", c.name, code, stderr)
		}
		if strings.Contains(stderr, "wrong") || strings.Contains(stderr, "right") {
			t.Errorf("%s: the password is printed: %s", c.name, stderr)
		}
	}
}
