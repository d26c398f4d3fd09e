package settingfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/settingfile"
)

// sparse writes a file with a text at the start and the given size.
func sparse(t *testing.T, text string, size int64) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, size); err != nil {
		t.Fatal(err)
	}
	return name
}

func wantTooLarge(t *testing.T, err error, name, bound string) {
	t.Helper()
	if !errors.Is(err, settingfile.ErrTooLarge) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), bound) {
		t.Errorf("the error is %v", err)
	}
}

func TestReadIsBounded(t *testing.T) {
	largest := sparse(t, "text", settingfile.MaxBytes)
	if content, err := settingfile.Read(largest); err != nil || len(content) != settingfile.MaxBytes || string(content[:4]) != "text" {
		t.Errorf("the largest file: %d bytes, %v", len(content), err)
	}
	larger := sparse(t, "text", settingfile.MaxBytes+1)
	_, err := settingfile.Read(larger)
	wantTooLarge(t, err, larger, "16 MiB")
	_, err = settingfile.KeyPair(larger, largest)
	wantTooLarge(t, err, larger, "16 MiB")
	_, err = settingfile.KeyPair(largest, larger)
	wantTooLarge(t, err, larger, "16 MiB")
	missing := filepath.Join(t.TempDir(), "missing")
	if _, err := settingfile.Read(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestFirstLineIsBounded(t *testing.T) {
	for text, want := range map[string]string{"": "", "\n": "", "key": "key", "key\n": "key", "key\r\nnext\n": "key", "a\rb\r\r\n": "a\rb\r"} {
		if line, err := settingfile.FirstLine(sparse(t, text, int64(len(text)))); err != nil || line != want {
			t.Errorf("the first line of %q is %q, %v", text, line, err)
		}
	}
	if line, err := settingfile.FirstLine(sparse(t, "key\n", settingfile.MaxBytes*2)); err != nil || line != "key" {
		t.Errorf("of a large file: %q, %v", line, err)
	}
	if line, err := settingfile.FirstLine(sparse(t, "", settingfile.MaxLineBytes)); err != nil || len(line) != settingfile.MaxLineBytes {
		t.Errorf("the longest line: %d bytes, %v", len(line), err)
	}
	long := sparse(t, "", settingfile.MaxLineBytes+1)
	_, err := settingfile.FirstLine(long)
	wantTooLarge(t, err, long, "64 KiB")
	if _, err := settingfile.FirstLine(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}
