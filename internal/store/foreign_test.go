package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// The error explains how to copy the events of the other server.
func TestOpenRefusesFilesOfRustServer(t *testing.T) {
	for name, path := range map[string]func(dir string) string{
		"file":                func(dir string) string { return filepath.Join(dir, "uma.db") },
		"directory with file": func(dir string) string { return dir },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "uma.db")
			if err := os.WriteFile(file, []byte("pages"), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := store.Open(path(dir), nil)
			if !errors.Is(err, dcb.ErrInvalidArgument) || !strings.Contains(err.Error(), "umadb import") {
				t.Errorf("opening: %v", err)
			}
			if content, err := os.ReadFile(file); err != nil || string(content) != "pages" {
				t.Errorf("the file was changed to %q, %v", content, err)
			}
		})
	}
}

// The tests of the Rust server and of its clients search its messages for these texts.
func TestErrorsContainTextsOfRustServer(t *testing.T) {
	s := openStore(t, t.TempDir(), nil)
	tracking := &dcb.TrackingInfo{Source: "web", Position: 5}
	if _, err := s.Append(t.Context(), nil, nil, tracking); err != nil {
		t.Fatal(err)
	}
	_, err := s.Append(t.Context(), nil, nil, tracking)
	if !errors.Is(err, dcb.ErrIntegrity) || !strings.Contains(err.Error(), "non-increasing tracking position for source") {
		t.Errorf("repeated tracking position: %v", err)
	}
	twice := dcb.Event{Metadata: []dcb.Metadata{{Key: "by"}, {Key: "by"}}}
	_, err = s.Append(t.Context(), []dcb.Event{twice}, nil, nil)
	if !errors.Is(err, dcb.ErrInvalidArgument) || !strings.Contains(err.Error(), "metadata contains duplicate keys") {
		t.Errorf("duplicate metadata key: %v", err)
	}
}

func TestStoreCannotBeOpenedTwice(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, nil)
	if _, err := store.Open(dir, nil); !errors.Is(err, dcb.ErrIO) || !strings.Contains(err.Error(), "locked by this process") {
		t.Errorf("opening the store again: %v", err)
	}
	if _, err := store.Check(t.Context(), dir, nil); !errors.Is(err, dcb.ErrIO) {
		t.Errorf("checking the open store: %v", err)
	}
	mustAppend(t, s, "still", 1)
}

func TestOpenRefusesOptionsBeyondFormat(t *testing.T) {
	for name, options := range map[string]*store.Options{
		"large events":   {Limits: dcb.Limits{EventBytes: 16 << 20}},
		"large segments": {SegmentBytes: 1 << 40},
		"negative cache": {CacheBytes: -1},
	} {
		t.Run(name, func(t *testing.T) {
			options.FS = vfs.NewMem()
			if _, err := store.Open(crashDir, options); !errors.Is(err, dcb.ErrInvalidArgument) {
				t.Errorf("opening: %v", err)
			}
		})
	}
}

func TestOpenKeepsForeignFilesInLogDirectory(t *testing.T) {
	disk := vfs.NewMem()
	if err := disk.MkdirAll("/store/log"); err != nil {
		t.Fatal(err)
	}
	if _, err := disk.Create("/store/log/precious.tmp"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(crashDir, smallOptions(disk)); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("opening: %v", err)
	}
	if _, err := disk.Open("/store/log/precious.tmp"); err != nil {
		t.Errorf("the foreign file: %v", err)
	}
}

func TestOpenRefusesForeignDirectory(t *testing.T) {
	for name, c := range map[string]struct {
		exists string // a file or, with a trailing slash, a directory
		want   error
		text   string
	}{
		"directory with files":  {"notes.txt", dcb.ErrInvalidArgument, "notes.txt"},
		"log of another store":  {"00000000000000000001.log", dcb.ErrInvalidArgument, ".log"},
		"parent of a store":     {"uma.db/", dcb.ErrInvalidArgument, "did you mean"},
		"index without its log": {"index/", dcb.ErrCorruption, "its log is gone"},
		"empty volume":          {"lost+found/", nil, ""},
		"incomplete store":      {"LOCK", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, c.exists)
			var err error
			if strings.HasSuffix(c.exists, "/") {
				err = os.Mkdir(path, 0o755)
			} else {
				err = os.WriteFile(path, nil, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			s, err := store.Open(dir, nil)
			if err == nil {
				s.Close()
			}
			if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.text) {
				t.Errorf("opening: %v, want %v with %q", err, c.want, c.text)
			}
			if _, err := os.Stat(filepath.Join(dir, "log")); (err == nil) != (c.want == nil) {
				t.Errorf("directory of the log: %v", err)
			}
		})
	}
}
