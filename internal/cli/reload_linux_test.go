package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A file that is never read to its end, as on a share that does not answer, keeps the
// server from reading its settings again, and from nothing else.
func TestAServerStopsWhileItReadsFilesAgain(t *testing.T) {
	key := filepath.Join(t.TempDir(), "api-key")
	if err := syscall.Mkfifo(key, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() { _ = os.WriteFile(key, []byte("key\n"), 0) }() // for the start
	server := start(t, "--db-path", filepath.Join(t.TempDir(), "uma.db"), "--api-key-file", key)
	server.Process.Signal(syscall.SIGHUP)
	if line, err := server.log.ReadString('\n'); err != nil || !strings.Contains(line, "again") {
		t.Fatalf("the log has %q, %v", line, err)
	}
	server.Process.Signal(syscall.SIGTERM)
	if code := server.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
