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

// The tests of the Rust server, and of clients, look for these in its messages.
func TestMessagesContainWhatThoseOfTheRustServerDo(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	tracking := &dcb.TrackingInfo{Source: "web", Position: 5}
	if _, err := s.Append(t.Context(), nil, nil, tracking); err != nil {
		t.Fatal(err)
	}
	_, err := s.Append(t.Context(), nil, nil, tracking)
	if !errors.Is(err, dcb.ErrIntegrity) || !strings.Contains(err.Error(), "non-increasing tracking position for source") {
		t.Errorf("a tracking position again: %v", err)
	}
	twice := dcb.Event{Metadata: []dcb.Metadata{{Key: "by"}, {Key: "by"}}}
	_, err = s.Append(t.Context(), []dcb.Event{twice}, nil, nil)
	if !errors.Is(err, dcb.ErrInvalidArgument) || !strings.Contains(err.Error(), "metadata contains duplicate keys") {
		t.Errorf("a metadata key twice: %v", err)
	}
}

func TestAStoreIsOpenOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	if _, err := store.Open(dir, nil); !errors.Is(err, dcb.ErrIO) || !strings.Contains(err.Error(), "locked by this process") {
		t.Errorf("opening it again: %v", err)
	}
	if _, err := store.Check(t.Context(), dir, nil); !errors.Is(err, dcb.ErrIO) {
		t.Errorf("checking it: %v", err)
	}
	mustAppend(t, s, "still", 1)
}

func TestOptionsThatTheFormatCannotHoldAreRefused(t *testing.T) {
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

func TestADirectoryOfOtherFilesIsLeftAlone(t *testing.T) {
	disk := vfs.NewMem()
	if err := disk.MkdirAll("/store/log"); err != nil {
		t.Fatal(err)
	}
	if _, err := disk.Create("/store/log/precious.tmp"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(crashDir, tiny(disk)); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("opening: %v", err)
	}
	if _, err := disk.Open("/store/log/precious.tmp"); err != nil {
		t.Errorf("the file that was there: %v", err)
	}
}

func TestAPlaceThatIsNoStoreIsNotMadeOne(t *testing.T) {
	for name, c := range map[string]struct {
		there string // a file or, with a slash at its end, a directory
		want  error
		says  string
	}{
		"a folder with files":         {"notes.txt", dcb.ErrInvalidArgument, "notes.txt"},
		"the log of another store":    {"00000000000000000001.log", dcb.ErrInvalidArgument, ".log"},
		"the folder above a store":    {"uma.db/", dcb.ErrInvalidArgument, "did you mean"},
		"an index that lost its log":  {"index/", dcb.ErrCorruption, "its log is gone"},
		"an empty volume":             {"lost+found/", nil, ""},
		"a store that was being made": {"LOCK", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, c.there)
			var err error
			if strings.HasSuffix(c.there, "/") {
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
			if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("opening: %v, want %v that mentions %q", err, c.want, c.says)
			}
			if _, made := os.Stat(filepath.Join(dir, "log")); (made == nil) != (c.want == nil) {
				t.Errorf("whether a log was made: %v", made)
			}
		})
	}
}
