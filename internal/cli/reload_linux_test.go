package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A pipe can be read once. Reading it again would block the reload of the other settings, and
// with it the revocation of keys.
func TestReloadDoesNotReadPipes(t *testing.T) {
	key, level := filepath.Join(t.TempDir(), "api-key"), filepath.Join(t.TempDir(), "level")
	if err := syscall.Mkfifo(key, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(level, []byte("info\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	go func() { _ = os.WriteFile(key, []byte("key\n"), 0) }() // for the start
	server := start(t, "--db-path", filepath.Join(t.TempDir(), "uma.db"), "--api-key-file", key, "--log-level-file", level)
	for range 2 {
		server.Signal(syscall.SIGHUP)
		for _, want := range []string{"reloading", `"log level"`, "not a regular file"} {
			if line := server.nextLine(); !strings.Contains(line, want) {
				t.Fatalf("the log has %q, want %q", line, want)
			}
		}
	}
	stop(t, server.Process)
}
