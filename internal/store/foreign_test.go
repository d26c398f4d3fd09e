package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
)

// Whoever points the server at what another server made is told how to move.
func TestFilesOfTheRustServerAreRefused(t *testing.T) {
	for name, make := range map[string]func(dir string) string{
		"a file":              func(dir string) string { return filepath.Join(dir, "uma.db") },
		"a directory with it": func(dir string) string { return dir },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "uma.db")
			if err := os.WriteFile(file, []byte("pages"), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := store.Open(make(dir), nil)
			if !errors.Is(err, dcb.ErrInvalidArgument) || !strings.Contains(err.Error(), "umadb import") {
				t.Errorf("opening: %v", err)
			}
			if content, err := os.ReadFile(file); err != nil || string(content) != "pages" {
				t.Errorf("the file has become %q, %v", content, err)
			}
		})
	}
}

func TestAStoreIsOpenOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	if _, err := store.Open(dir, nil); !errors.Is(err, dcb.ErrIO) || !strings.Contains(err.Error(), "open already") {
		t.Errorf("opening it again: %v", err)
	}
	if _, err := store.Check(t.Context(), dir, nil); !errors.Is(err, dcb.ErrIO) {
		t.Errorf("checking it: %v", err)
	}
	mustAppend(t, s, "still", 1)
}
