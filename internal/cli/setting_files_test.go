package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/servertest"
	"github.com/umadb-go/umadb/internal/settingfile"
)

func TestLargeFilesOfSettingsAreRefused(t *testing.T) {
	dir := t.TempDir()
	if _, err := servertest.WriteCertificate(dir); err != nil {
		t.Fatal(err)
	}
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, settingfile.MaxBytes+1); err != nil {
		t.Skip(err)
	}
	db, cert, key := filepath.Join(dir, "uma.db"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for _, c := range []struct {
		bound string
		args  []string
	}{
		{"16 MiB", []string{"serve", "--config", large}},
		{"16 MiB", []string{"serve", "--db-path", db, "--keys", large}},
		{"16 MiB", []string{"serve", "--db-path", db, "--tls-cert", large, "--tls-key", key}},
		{"16 MiB", []string{"serve", "--db-path", db, "--tls-cert", cert, "--tls-key", large}},
		{"16 MiB", []string{"serve", "--db-path", db, "--tls-cert", cert, "--tls-key", key, "--client-ca", large}},
		{"64 KiB", []string{"serve", "--db-path", db, "--api-key-file", large}},
		{"64 KiB", []string{"serve", "--db-path", db, "--max-disk-file", large}},
		{"64 KiB", []string{"serve", "--db-path", db, "--log-level-file", large}},
		{"16 MiB", []string{"key", "list", "--file", large}},
		{"16 MiB", []string{"key", "new", "--name", "a", "--rights", "read", "--file", large}},
		{"16 MiB", []string{"head", "--url", "https://127.0.0.1:1", "--ca", large}},
		{"16 MiB", []string{"head", "--url", "https://127.0.0.1:1", "--client-cert", large, "--client-key", key}},
	} {
		code, _, stderr := run(c.args...)
		wantError(t, code, stderr, 2, "too large to be a file of settings", large, c.bound)
	}
}

// The first line of a wrong file may be a secret, so that errors do not contain it.
func TestErrorsDoNotContainWrongFiles(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("umadb:secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"--max-disk-file", "--log-level-file"} {
		code, _, stderr := run("serve", "--db-path", filepath.Join(t.TempDir(), "uma.db"), flag, key)
		wantError(t, code, stderr, 2, "the first line of the file", key, "must be")
		if strings.Contains(stderr, "secret") {
			t.Errorf("%s: the error contains the line: %s", flag, stderr)
		}
	}
}
