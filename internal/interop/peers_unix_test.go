//go:build unix

package interop_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/servertest"
	"github.com/umadb-go/umadb/internal/sharedlog/postgres"
	"github.com/umadb-go/umadb/internal/sharedlog/postgres/pgtest"
)

// A new server reads from another one what the shared log does not have: from before its origin,
// and what was trimmed. The servers need TLS and an API key.
func TestNewServerReadsFromAnother(t *testing.T) {
	engine := pgtest.Start(t, 0)
	first, head := filepath.Join(t.TempDir(), "first"), uint64(0)
	for ; head < 3; head++ {
		if code, _, stderr := umadb(t, nil, "append", "--db-path", first, "--type", "T", "--tag", "all", "--uuid", numbered(head+1).UUID); code != 0 {
			t.Fatal(stderr)
		}
	}
	if code, _, stderr := umadb(t, nil, "cluster", "create", "--log", engine.URL(), "--from", first); code != 0 {
		t.Fatal(stderr)
	}
	certificate, err := servertest.WriteCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	secure := func(dir string) *node {
		t.Helper()
		n := &node{log: engine.URL(), dir: dir, address: servertest.Address(t), scheme: "https", args: []string{
			"--tls-cert", certificate.Cert, "--tls-key", certificate.Key, "--api-key-file", keyFile, "--peer-ca", certificate.CA,
		}}
		n.start(t)
		var err error
		if n.client, err = client.Dial(n.url(), &client.Options{CAFile: certificate.CA, APIKey: "secret"}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { n.client.Close() })
		return n
	}
	old := secure(first)
	for range 20 {
		head++
		old.append(t, head)
	}
	log, err := postgres.Open(t.Context(), engine.URL())
	if err == nil {
		err = log.Trim(t.Context(), 15)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()

	joined := secure(filepath.Join(t.TempDir(), "new"))
	awaitEvents(t, joined, head)
	head++
	joined.append(t, head)
	old.wantEvents(t, head)
	joined.wantEvents(t, head)
}

// awaitEvents waits until a server that joins has everything.
func awaitEvents(t *testing.T, n *node, head uint64) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if has, err := n.client.Head(t.Context()); err == nil && has == head {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("the server has the head %d, %v: %v", has, err, n.process.Output)
		}
	}
	n.wantEvents(t, head)
}

// A backup and a standby copy the log of a server of a shared log, also while the engine is down.
func TestServerOfASharedLogIsCopiedWithoutItsEngine(t *testing.T) {
	engine := pgtest.Start(t, 0)
	if code, _, stderr := umadb(t, nil, "cluster", "create", "--log", engine.URL()); code != 0 {
		t.Fatal(stderr)
	}
	n := newNode(t, engine.URL(), filepath.Join(t.TempDir(), "node"))
	head := uint64(0)
	for ; head < 5; head++ {
		n.append(t, head+1)
	}
	standby := startStandby(t, n)
	awaitEvents(t, standby, head)
	head++
	n.append(t, head)
	awaitEvents(t, standby, head)

	engine.Primary.Crash(t)
	copied := filepath.Join(t.TempDir(), "copy")
	code, stdout, stderr := umadb(t, nil, "backup", "--url", n.url(), copied, "--json")
	var summary struct{ Head uint64 }
	if err := json.Unmarshal([]byte(stdout), &summary); code != 0 || err != nil || summary.Head != head {
		t.Errorf("a backup without the engine: exit code %d, %v, %q: %s", code, err, stdout, stderr)
	}
	another := startStandby(t, n)
	awaitEvents(t, another, head)
	engine.Restart(t)
	head++
	n.append(t, head)
	awaitEvents(t, standby, head)
	awaitEvents(t, another, head)
}

// startStandby starts a standby of a server.
func startStandby(t *testing.T, of *node) *node {
	t.Helper()
	program, err := buildServer()
	if err != nil {
		t.Fatal(err)
	}
	n := &node{dir: filepath.Join(t.TempDir(), "standby"), address: servertest.Address(t), scheme: "http"}
	n.process, err = servertest.StartUmaDB(t.Context(), exec.Command(program, "serve", "--db-path", n.dir, "--listen", n.address, "--standby-of", of.url()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.process.Kill)
	if n.client, err = client.Dial(n.url(), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.client.Close() })
	return n
}

// Appends at several servers are proposed by one of them. When that one hangs, the others append
// after a moment, and when it continues, its late answers change nothing.
func TestServersForwardAppends(t *testing.T) {
	engine := pgtest.Start(t, 0)
	if code, _, stderr := umadb(t, nil, "cluster", "create", "--log", engine.URL()); code != 0 {
		t.Fatal(stderr)
	}
	nodes := make([]*node, 3)
	for i := range nodes {
		nodes[i] = newNode(t, engine.URL(), filepath.Join(t.TempDir(), "node"))
	}
	head := uint64(0)
	appendAt := func(n *node) {
		t.Helper()
		head++
		n.append(t, head)
	}
	writer := func() string {
		t.Helper()
		var s struct {
			PreferredWriter string `json:"preferred_writer"`
		}
		code, stdout, stderr := umadb(t, nil, "cluster", "status", "--log", engine.URL(), "--json")
		if err := json.Unmarshal([]byte(stdout), &s); code != 0 || err != nil {
			t.Fatalf("exit code %d, %v: %s", code, err, stderr)
		}
		return s.PreferredWriter
	}
	appendAt(nodes[0])
	for i := range 30 {
		appendAt(nodes[i%3])
	}
	if got := writer(); got != nodes[0].url() {
		t.Errorf("the writer is %s, want %s", got, nodes[0].url())
	}

	for _, disturb := range []struct {
		what        string
		first, last func(*servertest.Process) error
	}{
		{"stopped", func(p *servertest.Process) error { return p.Signal(syscall.SIGSTOP) }, func(p *servertest.Process) error { return p.Signal(syscall.SIGCONT) }},
		{"killed", func(p *servertest.Process) error { p.Kill(); return nil }, func(*servertest.Process) error { nodes[0].start(t); return nil }},
	} {
		appendAt(nodes[0])
		appendAt(nodes[1])
		if err := disturb.first(nodes[0].process); err != nil {
			t.Fatal(err)
		}
		since := time.Now()
		for i := range 10 {
			appendAt(nodes[1+i%2])
		}
		t.Logf("10 appends after the writer was %s: %v", disturb.what, time.Since(since))
		if got := writer(); got == nodes[0].url() {
			t.Errorf("%s: the writer is the server that was %s", got, disturb.what)
		}
		if err := disturb.last(nodes[0].process); err != nil {
			t.Fatal(err)
		}
		for _, n := range nodes {
			appendAt(n)
		}
		for _, n := range nodes {
			n.wantEvents(t, head)
		}
	}
}
