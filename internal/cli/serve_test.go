package cli_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/umadb-go/umadb/client"
	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/servertest"
)

// head returns the head of the server at an address.
func head(t *testing.T, address string) uint64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	store, err := client.Dial("http://"+address, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	position, err := store.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return position
}

func TestServeUntilSignal(t *testing.T) {
	for _, verb := range [][]string{nil, {"serve"}} {
		for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
			t.Run(strings.Join(verb, "")+signal.String(), func(t *testing.T) {
				server := start(t, append(verb, "--db-path", filepath.Join(t.TempDir(), "uma.db"))...)
				if got := head(t, server.address); got != 0 {
					t.Errorf("head %d of a new store", got)
				}
				server.Signal(signal)
				if code := exit(t, server.Process); code != 0 {
					t.Errorf("exit code %d, log:\n%s", code, server.Output)
				}
			})
		}
	}
}

func TestServeConfiguredByEnvironment(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "elsewhere")
	t.Setenv("UMADB_DB_PATH", dir)
	server := start(t)
	head(t, server.address)
	if _, err := os.Stat(filepath.Join(dir, "log")); err != nil {
		t.Error(err)
	}
}

// Other programs wait for this line on standard output. The log must not contain it.
func TestServePrintsStartedLine(t *testing.T) {
	cmd := command("--db-path", filepath.Join(t.TempDir(), "uma.db"))
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	cmd.Stdout = write
	server, address, err := servertest.StartOnFreePort(t.Context(), cmd)
	write.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Kill()
	stdout := bufio.NewReader(read)
	if line, err := stdout.ReadString('\n'); line != "UmaDB started\n" {
		t.Fatalf("standard output starts with %q, %v", line, err)
	}
	head(t, address)
	stop(t, server)
	if rest, _ := io.ReadAll(stdout); len(rest) > 0 || strings.Contains(server.Output.String(), "UmaDB started") {
		t.Errorf("more output %q, log %q", rest, server.Output)
	}
}

func TestServeKeepsEvents(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "uma.db")
	server := start(t, "--db-path", dir)
	store, err := client.Dial("http://"+server.address, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, err := store.Append(t.Context(), []dcb.Event{{Type: "Opened"}}, nil, nil); err != nil {
		t.Fatal(err)
	}
	stop(t, server.Process)
	if got := head(t, start(t, "--db-path", dir).address); got != 1 {
		t.Errorf("head %d after a restart, want 1", got)
	}
}

func TestServeWarnsAboutIgnoredFlags(t *testing.T) {
	t.Setenv("UMADB_MAX_BLOCKING_THREADS", "512")
	lis := occupy(t)
	code, _, stderr := run("--listen", lis, "--db-path", t.TempDir()+"/uma.db", "--read-method", "mmap", "--zero-fill-pages=true")
	note, rest, _ := strings.Cut(stderr, "\n")
	if want := `level=WARN msg="some flags have no effect in this server" flags="[--read-method --zero-fill-pages --max-blocking-threads]"`; !strings.HasSuffix(note, want) {
		t.Errorf("note %q, want %q", note, want)
	}
	wantError(t, code, rest, 1, lis, "--listen")
}

func TestServeWarnsAboutKeyWithoutTLS(t *testing.T) {
	server := spawn(t, nil, "serve", "--listen", "127.0.0.1:0", "--db-path", t.TempDir()+"/uma.db", "--api-key", "key")
	awaitOutput(t, server, "level=WARN msg=\"there is an API key but no TLS")
}

func TestServeFails(t *testing.T) {
	t.Run("port in use", func(t *testing.T) {
		lis := occupy(t)
		dir := t.TempDir() + "/uma.db"
		code, _, stderr := run("--listen", lis, "--db-path", dir, "--log-level", "error")
		wantError(t, code, stderr, 1, lis, "choose another address with --listen")
		mustBeAbsent(t, dir)
	})
	t.Run("unknown host", func(t *testing.T) {
		dir := t.TempDir() + "/uma.db"
		code, _, stderr := run("--listen", "no host:50051", "--db-path", dir, "--log-level", "error")
		wantError(t, code, stderr, 2, "no host", "--listen")
		mustBeAbsent(t, dir)
	})
	t.Run("address of another machine", func(t *testing.T) {
		dir := t.TempDir() + "/uma.db"
		code, _, stderr := run("--listen", "192.0.2.1:50051", "--db-path", dir, "--log-level", "error")
		wantError(t, code, stderr, 1, "192.0.2.1", "--listen")
		mustBeAbsent(t, dir)
	})
	t.Run("store in use", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "uma.db")
		start(t, "--db-path", dir)
		code, _, stderr := run("--listen", "127.0.0.1:0", "--db-path", dir, "--log-level", "error")
		wantError(t, code, stderr, 1, dir, "cannot open store", "locked by another process (pid ", "stop the process")
	})
	t.Run("file instead of a directory", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "uma.db")
		if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		code, _, stderr := run("--listen", "127.0.0.1:0", "--db-path", file, "--log-level", "error")
		wantError(t, code, stderr, 2, file)
		for _, below := range []string{"/sub", "/sub/of/sub"} {
			code, _, stderr := run("--listen", "127.0.0.1:0", "--db-path", file+below, "--log-level", "error")
			wantError(t, code, stderr, 2, "cannot open store "+file+below+": "+file+" is a file")
		}
	})
	t.Run("directory with other files", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(dir+"/report.txt", nil, 0o600); err != nil {
			t.Fatal(err)
		}
		code, _, stderr := run("--listen", "127.0.0.1:0", "--db-path", dir, "--log-level", "error")
		wantError(t, code, stderr, 2, dir, "report.txt")
	})
}

func mustBeAbsent(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Stat(dir); err == nil {
		t.Errorf("%s was created", dir)
	}
}

// occupy listens on a free port until the test ends.
func occupy(t *testing.T) (address string) {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lis.Close() })
	return lis.Addr().String()
}
