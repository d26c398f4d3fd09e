package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A file that cannot be read to its end, as on a hanging network share, blocks only the
// reload of the settings.
func TestServerStopsDuringReload(t *testing.T) {
	key := filepath.Join(t.TempDir(), "api-key")
	if err := syscall.Mkfifo(key, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() { _ = os.WriteFile(key, []byte("key\n"), 0) }() // for the start
	server := start(t, "--db-path", filepath.Join(t.TempDir(), "uma.db"), "--api-key-file", key)
	server.Signal(syscall.SIGHUP)
	if line := server.nextLine(); !strings.Contains(line, "reloading") {
		t.Fatalf("the log has %q", line)
	}
	stop(t, server.Process)
}
