package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// readTree returns the content of each file below a directory, by path.
func readTree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		all[path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// diskOptions returns options with small segments and blocks, for a store on disk.
func diskOptions() *store.Options { return smallOptions(vfs.OS{}) }

// mustContainEvents fails unless the store in a directory is valid and has the given
// number of events.
func mustContainEvents(t *testing.T, dir string, events int) {
	t.Helper()
	report, err := store.Check(t.Context(), dir, nil)
	if err != nil || len(report.Problems) > 0 || int(report.Events) != events {
		t.Errorf("%s: %+v, error %v, want %d events and no problem", dir, report, err, events)
	}
}

func TestStoreSurvivesChangeOfWorkingDirectory(t *testing.T) {
	ours, theirs := t.TempDir(), t.TempDir()
	other := openStore(t, filepath.Join(theirs, "uma.db"), diskOptions())
	mustAppend(t, other, "other", 3)
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"to the parent of another store": theirs, "to an empty directory": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			before := readTree(t, to)
			t.Chdir(ours)
			s := openStore(t, "./uma.db", diskOptions())
			head, err := s.Head(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir(to)
			for i := range 40 { // with rolls, flushes and compactions
				mustAppend(t, s, fmt.Sprint(i), 2)
			}
			if _, err := s.Stats(t.Context(), nil); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			for path, content := range readTree(t, to) {
				if before[path] != content {
					t.Errorf("%s has changed", path)
				}
			}
			mustContainEvents(t, filepath.Join(ours, "uma.db"), int(head)+80)
		})
	}
	mustContainEvents(t, filepath.Join(theirs, "uma.db"), 3)
}

func TestStoreIsLockedWithoutItsLockFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "uma.db")
	s := openStore(t, dir, diskOptions())
	mustAppend(t, s, "one", 1)
	if err := os.Remove(filepath.Join(dir, "LOCK")); err != nil {
		t.Fatal(err)
	}
	for _, options := range []*store.Options{nil, {MustExist: true}} {
		again, err := store.Open(dir, options)
		if err == nil {
			again.Close()
		}
		if !errors.Is(err, vfs.ErrLocked) || !strings.Contains(err.Error(), "cannot open store "+dir+": locked by") {
			t.Errorf("opening the store again with %+v: %v", options, err)
		}
	}
	mustAppend(t, s, "two", 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustContainEvents(t, dir, 2)
}

// Two processes that create the same store exclude each other too, even if LOCK is
// removed in between.
func TestNewStoreIsLockedBeforeItHasLog(t *testing.T) {
	disk := vfs.NewMem()
	opened := false
	s, err := store.Open(crashDir, smallOptions(vfs.Observe(disk, func(op vfs.Op) error {
		if op.Kind != "create" || opened {
			return nil
		}
		opened = true
		if err := disk.Remove(lockFile); err != nil {
			t.Error(err)
		}
		if _, err := store.Open(crashDir, smallOptions(disk)); !errors.Is(err, vfs.ErrLocked) {
			t.Errorf("opening the store concurrently: %v", err)
		}
		return nil
	})))
	if err != nil || !opened {
		t.Fatalf("opened: %v, %v", opened, err)
	}
	mustAppend(t, s, "one", 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// The directories of the log must be durable before a head is published.
func TestOpenSyncsDirectories(t *testing.T) {
	for _, dir := range []string{crashDir, crashDir + "/log"} {
		s, f, disk := newFaultyStore(t)
		mustAppend(t, s, "one", 1)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		f.set(func(op vfs.Op) error {
			if op.Kind == "syncdir" && op.Name == dir {
				return syscall.EIO
			}
			return nil
		})
		if _, err := store.Open(crashDir, smallOptions(vfs.Observe(disk, f.before))); !errors.Is(err, syscall.EIO) || !errors.Is(err, dcb.ErrIO) {
			t.Errorf("%s: %v", dir, err)
		}
		f.set(nil)
		again, err := store.Open(crashDir, smallOptions(vfs.Observe(disk, f.before)))
		if err != nil {
			t.Fatalf("opening the store again: %v", err)
		}
		again.Close()
	}
}

// Every step of Open may fail: Open returns the error and releases the locks.
func TestFailedOpenReleasesLocks(t *testing.T) {
	for _, kind := range []string{"opendir", "mkdirall", "mkdir", "list", "lock", "lockdir", "create", "syncdir"} {
		disk := vfs.NewMem()
		for at, failed := 1, true; failed; at++ {
			var mu sync.Mutex // an open store has goroutines
			n, opened := 0, false
			failed = false
			s, err := store.Open(crashDir, smallOptions(vfs.Observe(disk, func(op vfs.Op) error {
				mu.Lock()
				defer mu.Unlock()
				if op.Kind != kind || opened || strings.HasSuffix(op.Name, "/HEAD") { // without this file the store works
					return nil
				}
				if n++; n == at {
					failed = true
					return syscall.EIO
				}
				return nil
			})))
			mu.Lock()
			opened = true
			mu.Unlock()
			if failed && !errors.Is(err, syscall.EIO) {
				t.Errorf("%s %d: %v", kind, at, err)
			}
			if err == nil {
				s.Close()
			}
		}
		s, err := store.Open(crashDir, smallOptions(disk))
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		s.Close()
	}
}

// An incomplete store that another process is creating is not mistaken for one that has
// lost its log.
func TestStoreBeingCreatedIsLocked(t *testing.T) {
	disk := vfs.NewMem()
	var first *store.Store
	listed := false
	_, err := store.Open(crashDir, smallOptions(vfs.Observe(disk, func(op vfs.Op) error {
		if listed && first == nil {
			var err error
			if first, err = store.Open(crashDir, smallOptions(disk)); err != nil {
				t.Fatal(err)
			}
		}
		listed = listed || op.Kind == "list"
		return nil
	})))
	if first == nil {
		t.Fatal("the directory was not listed")
	}
	if !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("opening the store meanwhile: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
}
