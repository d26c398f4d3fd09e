package cli_test

import (
	"encoding/json"
	"errors"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/umadb-go/umadb/client"
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/servertest"
)

// logged is a line of a log in JSON.
type logged struct{ Level, Msg, Setting, Error string }

// readLog reads the lines of a server's log about settings, up to the one about last.
func readLog(t *testing.T, p *process, last string) (lines []logged) {
	t.Helper()
	for {
		text := p.nextLine()
		if text == "" {
			t.Fatalf("the log has no line about %s: %v", last, lines)
		}
		var line logged
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		if line.Setting == "" {
			continue
		}
		if lines = append(lines, line); line.Setting == last {
			return lines
		}
	}
}

// wantSettings checks which settings were reloaded, and the levels of their log lines.
func wantSettings(t *testing.T, lines []logged, want ...string) {
	t.Helper()
	var got []string
	for _, line := range lines {
		got = append(got, line.Level+" "+line.Setting)
		if failed := line.Level == "ERROR"; failed != (line.Error != "") || failed != strings.Contains(line.Msg, "it is unchanged") {
			t.Errorf("the log has %+v", line)
		}
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("the log has %q, want %q", got, want)
	}
}

func TestHangupReloadsFiles(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(in(name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	renew := func() {
		t.Helper()
		if _, err := servertest.WriteCertificate(dir); err != nil {
			t.Fatal(err)
		}
	}
	connect := func(server *process, key string) dcb.EventStore {
		t.Helper()
		store, err := client.Dial("https://"+server.address, &client.Options{CAFile: in("ca.pem"), APIKey: key})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		return store
	}
	renew()
	write("api-key", "first")
	write("level", "info")
	write("size", "1GiB")
	server := start(t, "--db-path", in("uma.db"), "--tls-cert", in("cert.pem"), "--tls-key", in("key.pem"),
		"--api-key-file", in("api-key"), "--log-level-file", in("level"), "--max-disk-file", in("size"))
	before := connect(server, "first")
	appendTo := func(store dcb.EventStore) {
		t.Helper()
		if _, err := store.Append(t.Context(), []dcb.Event{{Type: "A"}}, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	appendTo(before)
	next, unsubscribe := iter.Pull2(before.Subscribe(t.Context(), dcb.Query{}, 0))
	defer unsubscribe()
	next() // the subscription has started

	renew()
	write("api-key", "second")
	write("size", "2GiB")
	server.Signal(syscall.SIGHUP)
	wantSettings(t, readLog(t, server, "API key"), "INFO log level", "INFO maximum disk space", "INFO TLS certificate", "INFO API key")
	if _, err := connect(server, "first").Head(t.Context()); !errors.Is(err, dcb.ErrAuthentication) {
		t.Errorf("the first key: %v", err)
	}
	appendTo(connect(server, "second"))
	if e, err, _ := next(); err != nil || e.Position != 2 {
		t.Errorf("the subscription from before has %v, %v", e, err)
	}

	write("level", "error")
	write("size", "1KiB")
	write("api-key", "")
	write("key.pem", "no key")
	server.Signal(syscall.SIGHUP)
	wantSettings(t, readLog(t, server, "API key"), "ERROR maximum disk space", "ERROR TLS certificate", "ERROR API key")
	write("level", "loud")
	server.Signal(syscall.SIGHUP)
	wantSettings(t, readLog(t, server, "API key"), "ERROR log level", "ERROR maximum disk space", "ERROR TLS certificate", "ERROR API key")
	if head, err := connect(server, "second").Head(t.Context()); err != nil || head != 2 {
		t.Errorf("with what was in use before: head %d, %v", head, err)
	}

	stop(t, server.Process)
}

func TestChangedFileIsReloadedWithoutSignal(t *testing.T) {
	level := filepath.Join(t.TempDir(), "level")
	if err := os.WriteFile(level, []byte("info\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := start(t, "--db-path", filepath.Join(t.TempDir(), "uma.db"), "--log-level-file", level)
	if err := os.WriteFile(level, []byte("debug\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantSettings(t, readLog(t, server, "log level"), "INFO log level")
	stop(t, server.Process)
}

func TestHangupWithoutFiles(t *testing.T) {
	server := start(t, "--db-path", filepath.Join(t.TempDir(), "uma.db"))
	server.Signal(syscall.SIGHUP)
	if line := server.nextLine(); !strings.Contains(line, `"level":"INFO"`) || !strings.Contains(line, "reloading") {
		t.Errorf("the log has %q", line)
	}
	if got := head(t, server.address); got != 0 {
		t.Errorf("head %d", got)
	}
}

// Closing a terminal sends SIGHUP.
func TestHangupEndsCommandLikeSIGTERM(t *testing.T) {
	server := start(t, "--db-path", filepath.Join(t.TempDir(), "uma.db"))
	appendTo := func(kind string) {
		t.Helper()
		if code, _, stderr := run("append", "--url", "http://"+server.address, "--type", kind); code != 0 {
			t.Fatal(stderr)
		}
	}
	appendTo("First")
	for _, c := range []struct {
		prepare string // a command of the shell
		ends    bool
	}{
		{"true", true},
		{`trap "" HUP`, false}, // as nohup does
	} {
		out := filepath.Join(t.TempDir(), "out")
		cmd := exec.Command("sh", "-c", c.prepare+`; exec "$0" subscribe --url "$1" > "$2"`, os.Args[0], "http://"+server.address, out)
		cmd.Env = append(os.Environ(), asProgram+"=1")
		subscriber, err := servertest.Start(cmd)
		if err != nil {
			t.Skip(err)
		}
		t.Cleanup(subscriber.Kill)
		has := func(kind string) func() bool {
			return func() bool { text, _ := os.ReadFile(out); return strings.Contains(string(text), kind) }
		}
		await(t, "the first event", has("First"))
		subscriber.Signal(syscall.SIGHUP)
		if !c.ends {
			appendTo("Second")
			await(t, "the second event in spite of SIGHUP", has("Second"))
			subscriber.Signal(syscall.SIGTERM)
		}
		if code := exit(t, subscriber); code != 0 || subscriber.Output.String() != "" {
			t.Errorf("after %s: exit code %d, standard error %q", c.prepare, code, subscriber.Output)
		}
	}
}
