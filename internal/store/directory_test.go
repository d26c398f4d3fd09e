package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// tree returns what a directory holds: the content of each file by its path.
func tree(t *testing.T, dir string) map[string]string {
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

// onDisk returns options with which segments are rolled and blocks written soon.
func onDisk() *store.Options { return tiny(vfs.OS{}) }

// mustHold fails unless the store in a directory is sound and has so many events.
func mustHold(t *testing.T, dir string, events int) {
	t.Helper()
	report, err := store.Check(t.Context(), dir, nil)
	if err != nil || len(report.Problems) > 0 || int(report.Events) != events {
		t.Errorf("%s: %+v, %v, want %d events and no problem", dir, report, err, events)
	}
}

func TestAStoreIsNotLeftByAChangeOfTheWorkingDirectory(t *testing.T) {
	ours, theirs := t.TempDir(), t.TempDir()
	other := open(t, filepath.Join(theirs, "uma.db"), onDisk())
	mustAppend(t, other, "other", 3)
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"where another store is": theirs, "where nothing is": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			before := tree(t, to)
			t.Chdir(ours)
			s := open(t, "./uma.db", onDisk())
			held, err := s.Head(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir(to)
			for i := range 40 { // rolls, and blocks that are written, joined and removed
				mustAppend(t, s, fmt.Sprint(i), 2)
			}
			if _, err := s.Stats(t.Context(), nil); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			for path, content := range tree(t, to) {
				if before[path] != content {
					t.Errorf("%s has changed", path)
				}
			}
			mustHold(t, filepath.Join(ours, "uma.db"), int(held)+80)
		})
	}
	mustHold(t, filepath.Join(theirs, "uma.db"), 3)
}

func TestAStoreIsLockedThoughItsLockFileIsRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "uma.db")
	s := open(t, dir, onDisk())
	mustAppend(t, s, "one", 1)
	if err := os.Remove(filepath.Join(dir, "LOCK")); err != nil {
		t.Fatal(err)
	}
	for _, options := range []*store.Options{nil, {ReadOnly: true}} {
		again, err := store.Open(dir, options)
		if err == nil {
			again.Close()
		}
		if !errors.Is(err, vfs.ErrLocked) || !strings.Contains(err.Error(), "cannot open store "+dir+": locked by") {
			t.Errorf("opening it again with %+v: %v", options, err)
		}
	}
	mustAppend(t, s, "two", 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustHold(t, dir, 2)
}

// Two that make a store at the same time exclude each other as well, whatever
// becomes of LOCK between.
func TestANewStoreIsLockedBeforeItHasALog(t *testing.T) {
	disk := vfs.NewMem()
	opened := false
	s, err := store.Open(crashDir, tiny(vfs.Observe(disk, func(op vfs.Op) error {
		if op.Kind != "create" || opened {
			return nil
		}
		opened = true
		if err := disk.Remove(lockFile); err != nil {
			t.Error(err)
		}
		if _, err := store.Open(crashDir, tiny(disk)); !errors.Is(err, vfs.ErrLocked) {
			t.Errorf("opening it as well: %v", err)
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

// Before a head is published, the directories of the log are durable.
func TestOpeningSyncsTheDirectories(t *testing.T) {
	for _, dir := range []string{crashDir, crashDir + "/log"} {
		s, f, disk := faulty(t)
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
		if _, err := store.Open(crashDir, tiny(vfs.Observe(disk, f.before))); !errors.Is(err, syscall.EIO) || !errors.Is(err, dcb.ErrIO) {
			t.Errorf("%s: %v", dir, err)
		}
		f.set(nil)
		again, err := store.Open(crashDir, tiny(vfs.Observe(disk, f.before)))
		if err != nil {
			t.Fatalf("what failed to open is locked still: %v", err)
		}
		again.Close()
	}
}

// Each step of opening may fail: the error says so, and nothing stays locked.
func TestOpeningThatFailsLeavesNothingLocked(t *testing.T) {
	for _, kind := range []string{"opendir", "mkdirall", "mkdir", "list", "lock", "lockdir", "create", "syncdir"} {
		disk, n, met := vfs.NewMem(), 0, true
		for at := 1; met; at++ {
			n, met = 0, false
			s, err := store.Open(crashDir, tiny(vfs.Observe(disk, func(op vfs.Op) error {
				if op.Kind == kind {
					n++
				}
				if op.Kind == kind && n == at {
					met = true
					return syscall.EIO
				}
				return nil
			})))
			if met && !errors.Is(err, syscall.EIO) {
				t.Errorf("%s %d: %v", kind, at, err)
			}
			if err == nil {
				s.Close()
			}
		}
		s, err := store.Open(crashDir, tiny(disk))
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		s.Close()
	}
}

// A process that makes a store is not taken for one that has lost its log, however
// far it gets while another looks at the same directory.
func TestStoreBeingMadeIsOnlyLocked(t *testing.T) {
	disk := vfs.NewMem()
	var first *store.Store
	listed := false
	_, err := store.Open(crashDir, tiny(vfs.Observe(disk, func(op vfs.Op) error {
		if listed && first == nil {
			var err error
			if first, err = store.Open(crashDir, tiny(disk)); err != nil {
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
		t.Errorf("opening it meanwhile: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
}
