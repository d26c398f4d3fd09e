package cli_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/admin"
	"github.com/umadb-go/umadb/internal/client"
	"github.com/umadb-go/umadb/internal/servertest"
	"github.com/umadb-go/umadb/internal/store"
)

// standbyOf starts a standby of the server at an address.
func standbyOf(t *testing.T, address, dir string, args ...string) *process {
	t.Helper()
	return start(t, append([]string{"serve", "--db-path", dir, "--standby-of", "http://" + address}, args...)...)
}

// awaitHead waits until a server has an event at a position.
func awaitHead(t *testing.T, address string, position uint64) {
	t.Helper()
	await(t, fmt.Sprintf("%s has position %d", address, position), func() bool { return headOf(address) >= position })
}

// headOf returns the head of a server, 0 if there is no answer.
func headOf(address string) (head uint64) {
	c, err := client.Dial("http://"+address, nil)
	if err != nil {
		return 0
	}
	defer c.Close()
	head, _ = c.Head(context.Background())
	return head
}

// dialTo connects to a server until the end of the test.
func dialTo(t *testing.T, address string) *client.Client {
	t.Helper()
	c, err := client.Dial("http://"+address, &client.Options{FailFast: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// appendOne appends an event and returns its position.
func appendOne(t *testing.T, address, tag string) (position uint64) {
	t.Helper()
	dial(t, address, func(c *client.Client) {
		var err error
		if position, err = c.Append(t.Context(), []dcb.Event{{Type: "T", Tags: []string{tag}}}, nil, nil); err != nil {
			t.Fatal(err)
		}
	})
	return position
}

// mustPrefix reads everything and compares it with what was acknowledged.
func (a *acknowledged) mustPrefix(t *testing.T, s dcb.EventStore) uint64 {
	t.Helper()
	events, head, err := s.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect()
	if err != nil {
		t.Error(err)
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, event := range events {
		if want, known := a.events[event.Position]; event.Position != uint64(i)+1 || known && event.Event.Tags[0] != want {
			t.Errorf("event %d has position %d and tag %s, want %s", i+1, event.Position, event.Event.Tags[0], want)
			return 0
		}
	}
	if head != uint64(len(events)) {
		t.Errorf("%d events, head %d", len(events), head)
	}
	return uint64(len(events))
}

// The server is written and followed; the standby is killed and continues; the server is
// killed, and the standby takes over.
func TestStandbyTakesOver(t *testing.T) {
	dir, copied := filepath.Join(t.TempDir(), "server"), filepath.Join(t.TempDir(), "standby")
	server := start(t, "serve", "--db-path", dir)
	appendOne(t, server.address, "first")
	standby := standbyOf(t, server.address, copied)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	acked := &acknowledged{events: map[uint64]string{1: "first"}}
	var writers sync.WaitGroup
	defer writers.Wait()
	for w := range 16 {
		c := dialTo(t, server.address)
		writers.Go(func() { acked.write(ctx, c, w) })
	}
	reads := dialTo(t, standby.address)
	for seen := uint64(0); seen < 500; {
		again := acked.mustPrefix(t, reads)
		if again < seen || t.Failed() {
			t.Fatalf("%d events after %d", again, seen)
		}
		seen = again
	}
	standby.Kill()
	await(t, "there are appends while the standby is stopped", func() bool { return acked.count() > 1000 })
	standby = standbyOf(t, server.address, copied)
	awaitHead(t, standby.address, 1000)

	server.Kill()
	cancel()
	writers.Wait()
	awaitOutput(t, standby.Process, "cannot follow its server")
	reads = dialTo(t, standby.address)
	last := acked.mustPrefix(t, reads)
	if _, err := reads.Append(t.Context(), []dcb.Event{{Type: "T"}}, nil, nil); !errors.Is(err, dcb.ErrIO) || !strings.Contains(err.Error(), "standby of http://"+server.address) {
		t.Errorf("appending to the standby: %v", err)
	}
	if code, _, stderr := run("promote", "--db-path", copied); code != 1 || !strings.Contains(stderr, "locked by another process") || !strings.Contains(stderr, "stop it first") {
		t.Errorf("promoting a running standby: %d, %s", code, stderr)
	}
	stop(t, standby.Process)
	if code, _, stderr := run("serve", "--db-path", copied, "--listen", "127.0.0.1:0"); code != 2 || !strings.Contains(stderr, "umadb promote --db-path") {
		t.Errorf("serving the directory of a standby: %d, %s", code, stderr)
	}
	if code, stdout, _ := run("head", "--db-path", copied); code != 0 || stdout != fmt.Sprintln(last) {
		t.Errorf("the head of its directory: %d, %s", code, stdout)
	}
	code, stdout, stderr := run("promote", "--db-path", copied)
	if code != 0 || !strings.Contains(stdout, fmt.Sprintf("ends at position %d, committed at", last)) || !strings.Contains(stdout, "was last seen at") {
		t.Fatalf("promoting: %d, %s%s", code, stdout, stderr)
	}
	promoted := start(t, "serve", "--db-path", copied)
	after := dialTo(t, promoted.address)
	if got := acked.mustPrefix(t, after); got != last {
		t.Errorf("%d events after the promotion, %d before", got, last)
	}
	subscription := after.Subscribe(t.Context(), dcb.Query{}, last) // of a client that had everything
	if position := appendOne(t, promoted.address, "after"); position != last+1 {
		t.Errorf("appended at %d after %d", position, last)
	}
	for event, err := range subscription {
		if err != nil || event.Position != last+1 {
			t.Errorf("subscribed: %+v, %v", event, err)
		}
		break
	}
}

// sentBytes returns how many bytes a server has sent.
func sentBytes(t *testing.T, address string) (sent uint64) {
	t.Helper()
	dial(t, address, func(c *client.Client) {
		response, err := admin.NewClient(c).Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sent = response.GetServer().GetSentBytes()
	})
	return sent
}

// A standby that was killed gets only what it does not have, also after a restart of the
// server.
func TestStandbyResumesByChain(t *testing.T) {
	dir, copied := filepath.Join(t.TempDir(), "server"), filepath.Join(t.TempDir(), "standby")
	address := servertest.Address(t)
	server := serveAt(t, address, dir)
	dial(t, address, func(c *client.Client) {
		for range 100 {
			if _, err := c.Append(t.Context(), []dcb.Event{{Type: "T", Data: make([]byte, 20_000)}}, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
	})
	before := sentBytes(t, address)
	standby := standbyOf(t, address, copied)
	awaitHead(t, standby.address, 100)
	await(t, "the server has sent 2 MB for the first copy", func() bool { return sentBytes(t, address)-before >= 2_000_000 })
	standby.Kill()
	before = sentBytes(t, address)
	standby = standbyOf(t, address, copied)
	awaitOutput(t, standby.Process, "has caught up")
	if sent := sentBytes(t, address) - before; sent > 50_000 {
		t.Errorf("the server has sent %d bytes to a standby that had everything", sent)
	}
	stop(t, server)
	awaitOutput(t, standby.Process, "cannot follow its server")
	awaitHead(t, standby.address, 100) // it can be read meanwhile
	serveAt(t, address, dir)
	awaitOutput(t, standby.Process, "has reached its server again")
	if position := appendOne(t, address, "after"); position != 101 {
		t.Errorf("appended at %d", position)
	}
	awaitHead(t, standby.address, 101)
	if sent := sentBytes(t, address); sent > 50_000 {
		t.Errorf("the restarted server has sent %d bytes", sent)
	}
}

// The directory of a standby can also be continued without serving it.
func TestImportFollowsInTheDirectoryOfAStandby(t *testing.T) {
	dir, copied := filepath.Join(t.TempDir(), "server"), filepath.Join(t.TempDir(), "standby")
	server := start(t, "serve", "--db-path", dir)
	dial(t, server.address, func(c *client.Client) {
		if _, err := c.Append(t.Context(), []dcb.Event{{Type: "T", Data: make([]byte, 1_000_000)}}, nil, nil); err != nil {
			t.Fatal(err)
		}
	})
	standby := standbyOf(t, server.address, copied)
	awaitHead(t, standby.address, 1)
	stop(t, standby.Process)
	before := sentBytes(t, server.address)
	following := spawn(t, nil, "import", "--from", "http://"+server.address, "--follow", "--db-path", copied)
	awaitOutput(t, following, "caught up at position 1")
	appendOne(t, server.address, "later")
	await(t, "the event is copied", func() bool { return logContains(copied, "later") })
	stop(t, following)
	awaitOutput(t, following, "1 existing event, imported 1 event in")
	if sent := sentBytes(t, server.address) - before; sent > 50_000 {
		t.Errorf("the server has sent %d bytes", sent)
	}
	if code, stdout, _ := run("promote", "--db-path", copied); code != 0 || !strings.Contains(stdout, "ends at position 2") {
		t.Errorf("promoting: %d, %s", code, stdout)
	}
}

// A former server becomes the standby of the promoted one if that one has everything, and
// otherwise names the position from which they differ.
func TestFormerServerBecomesStandby(t *testing.T) {
	dir, copied := filepath.Join(t.TempDir(), "server"), filepath.Join(t.TempDir(), "standby")
	server := start(t, "serve", "--db-path", dir)
	for i := range 50 {
		appendOne(t, server.address, fmt.Sprint(i))
	}
	standby := standbyOf(t, server.address, copied)
	awaitHead(t, standby.address, 50)
	stop(t, server.Process) // its log ends with a clean-close record that the standby does not have
	stop(t, standby.Process)
	if code, _, stderr := run("promote", "--db-path", copied); code != 0 {
		t.Fatal(stderr)
	}
	promoted := start(t, "serve", "--db-path", copied)
	former := standbyOf(t, promoted.address, dir)
	appendOne(t, promoted.address, "after")
	awaitHead(t, former.address, 51)
	stop(t, former.Process)

	if code, _, stderr := run("promote", "--db-path", dir); code != 0 {
		t.Fatal(stderr)
	}
	openStore(t, dir, func(s *store.Store) {
		for range 7 {
			if _, err := s.Append(t.Context(), []dcb.Event{{Type: "Other"}}, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
	})
	for i := range 20 {
		appendOne(t, promoted.address, fmt.Sprint("more", i))
	}
	code, _, stderr := run("serve", "--db-path", dir, "--listen", "127.0.0.1:0", "--standby-of", "http://"+promoted.address)
	if code != 3 || !strings.Contains(stderr, "they differ from position 52 on") || !strings.Contains(stderr, "ends at position 58") {
		t.Errorf("another history: %d, %s", code, stderr)
	}
	openStore(t, dir, func(s *store.Store) { // it is unchanged
		if head, err := s.Head(t.Context()); head != 58 || err != nil {
			t.Errorf("head %d, %v", head, err)
		}
	})
	other := filepath.Join(t.TempDir(), "other")
	fillMany(t, other, 10)
	code, _, stderr = run("serve", "--db-path", other, "--listen", "127.0.0.1:0", "--standby-of", "http://"+promoted.address)
	if code != 3 || !strings.Contains(stderr, "another store than the server") {
		t.Errorf("another store: %d, %s", code, stderr)
	}
}

func TestStandbyWithoutAdminRight(t *testing.T) {
	folder := t.TempDir()
	keys, dir := filepath.Join(folder, "keys.toml"), filepath.Join(folder, "standby")
	code, key, stderr := run("key", "new", "--name", "reader", "--rights", "read", "--file", keys)
	if code != 0 {
		t.Fatal(stderr)
	}
	file := filepath.Join(folder, "key")
	if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	certificate, err := servertest.WriteCertificate(folder)
	if err != nil {
		t.Fatal(err)
	}
	server := start(t, "serve", "--db-path", filepath.Join(folder, "server"), "--keys", keys, "--tls-cert", certificate.Cert, "--tls-key", certificate.Key)
	code, _, stderr = run("serve", "--db-path", dir, "--listen", "127.0.0.1:0", "--standby-of", "https://"+server.address, "--standby-api-key-file", file, "--standby-ca", certificate.CA)
	if code != 4 || !strings.Contains(stderr, "admin") || !strings.Contains(stderr, "reader") {
		t.Errorf("a key without the right: %d, %s", code, stderr)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a directory: %v", err)
	}
	code, _, stderr = run("serve", "--standby-ca", "ca.pem")
	wantError(t, code, stderr, 2, "--standby-of")
	code, stdout, stderr := run("serve", "--standby-of", "http://name:hunter2@host", "--print-config")
	wantError(t, code, stderr, 2, "--standby-of", "a user")
	if strings.Contains(stdout+stderr, "hunter2") {
		t.Errorf("a password was printed: %s%s", stdout, stderr)
	}
}

// A standby serves reads and not appends, and its lag is visible.
func TestStandbyHealthAndStatus(t *testing.T) {
	server := start(t, "serve", "--db-path", filepath.Join(t.TempDir(), "server"))
	appendOne(t, server.address, "first")
	standby := standbyOf(t, server.address, filepath.Join(t.TempDir(), "standby"))
	awaitOutput(t, standby.Process, "has caught up")
	url := "http://" + standby.address
	for service, want := range map[string]int{"": 0, "umadb.v1.DCB": 0, "umadb.v1.DCB/append": 1} {
		if code, stdout, stderr := run("health", "--url", url, "--service", service); code != want {
			t.Errorf("health of %q: exit code %d: %s%s", service, code, stdout, stderr)
		}
	}
	if code, stdout, stderr := run("status", "--url", url); code != 0 || !strings.Contains(stdout, "standby of") {
		t.Errorf("status: %d, %s%s", code, stdout, stderr)
	}
	server.Kill()
	awaitOutput(t, standby.Process, "cannot follow its server")
	await(t, "the status shows it", func() bool {
		_, stdout, _ := run("status", "--url", url)
		return strings.Contains(stdout, "not reachable")
	})
}

// A standby whose server refuses its key continues to serve reads, and follows again with
// another key.
func TestStandbyServesReadsWhileItsKeyIsRefused(t *testing.T) {
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	key := func(name string) {
		t.Helper()
		code, secret, stderr := run("key", "new", "--name", name, "--rights", "read,append,admin", "--file", in("keys.toml"))
		if code != 0 {
			t.Fatal(stderr)
		}
		if err := os.WriteFile(in("key"), []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	certificate, err := servertest.WriteCertificate(folder)
	if err != nil {
		t.Fatal(err)
	}
	key("first")
	server := start(t, "serve", "--db-path", in("server"), "--keys", in("keys.toml"), "--tls-cert", certificate.Cert, "--tls-key", certificate.Key)
	write := func() {
		t.Helper()
		code, _, stderr := run("append", "--type", "T", "--url", "https://"+server.address, "--ca", certificate.CA, "--api-key-file", in("key"))
		if code != 0 {
			t.Fatal(stderr)
		}
	}
	write()
	standby := start(t, "serve", "--db-path", in("standby"), "--standby-of", "https://"+server.address, "--standby-api-key-file", in("key"), "--standby-ca", certificate.CA)
	awaitOutput(t, standby.Process, "has caught up")
	if code, _, stderr := run("key", "revoke", "first", "--file", in("keys.toml")); code != 0 {
		t.Fatal(stderr)
	}
	server.Signal(syscall.SIGHUP)
	awaitOutput(t, standby.Process, "the standby cannot follow its server; it will try again")
	if n := head(t, standby.address); n != 1 {
		t.Errorf("the head of the standby is %d", n)
	}
	key("second")
	server.Signal(syscall.SIGHUP)
	awaitOutput(t, server.Process, `"setting":"API keys"`)
	await(t, "the second key is valid", func() bool {
		code, _, _ := run("head", "--url", "https://"+server.address, "--ca", certificate.CA, "--api-key-file", in("key"))
		return code == 0
	})
	write()
	await(t, "the standby follows", func() bool { return head(t, standby.address) == 2 })
}
