package vfs_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/vfs"
)

// openRelative opens a directory by a relative path, and then changes to another
// working directory in which the same path leads to another directory.
func openRelative(t *testing.T) (d disk, other string) {
	ours, theirs := t.TempDir(), t.TempDir()
	other = filepath.Join(theirs, "db")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(ours)
	d = newDisk(t, vfs.OS{}, "db")
	t.Chdir(theirs)
	return d, other
}

func TestOpenDirectoryIgnoresWorkingDirectory(t *testing.T) {
	d, other := openRelative(t)
	d.createFile("a", "text")
	d.must(d.Rename("a", "b"))
	d.must(d.Sync())
	d.must(d.Mkdir("x"))
	sub, err := d.OpenDir("x")
	d.must(err)
	defer sub.Close()
	_, err = sub.Create("c")
	d.must(err)
	lock, err := d.Lock("LOCK")
	d.must(err)
	defer lock.Close()
	d.checkContent("b", "text")
	d.checkEntries("LOCK", "b", "x")
	d.must(d.CheckPath())
	d.must(sub.CheckPath())
	if entries, err := os.ReadDir(other); err != nil || len(entries) != 0 {
		t.Errorf("the other directory has %v, %v", entries, err)
	}
	if d.Path() != "db" || sub.Path() != filepath.Join("db", "x") {
		t.Errorf("the paths are %s and %s", d.Path(), sub.Path())
	}
}

func TestCheckPathDetectsMovedDirectory(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows cannot rename an open directory")
	}
	for name, act := range map[string]func(path string) error{
		"removed":                  os.RemoveAll,
		"renamed":                  func(path string) error { return os.Rename(path, path+"-old") },
		"replaced":                 func(path string) error { return errors.Join(os.Rename(path, path+"-old"), os.Mkdir(path, 0o700)) },
		"replaced by a file":       func(path string) error { return errors.Join(os.RemoveAll(path), os.WriteFile(path, nil, 0o600)) },
		"replaced by a link to it": nil,
		"parent removed":           func(path string) error { return os.RemoveAll(filepath.Dir(path)) },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(t, vfs.OS{}, filepath.Join(t.TempDir(), "a", "db"))
			d.must(d.CheckPath())
			if act == nil {
				d.must(errors.Join(os.Rename(d.Path(), d.Path()+"-old"), os.Symlink(d.Path()+"-old", d.Path())))
				d.must(d.CheckPath())
				return
			}
			d.must(act(d.Path()))
			if err := d.CheckPath(); !errors.Is(err, vfs.ErrMoved) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestMemCheckPathDetectsMovedDirectory(t *testing.T) {
	mem := vfs.NewMem()
	d, sub := newDisk(t, mem, "a/db"), newDisk(t, mem, "a/db/log")
	d.must(errors.Join(d.CheckPath(), sub.CheckPath()))
	mem.MoveDir("a", "b")
	for _, dir := range []vfs.Dir{d, sub} {
		if err := dir.CheckPath(); !errors.Is(err, vfs.ErrMoved) {
			t.Errorf("%s: %v", dir.Path(), err)
		}
	}
	sub.createFile("x", "text")
	newDisk(t, mem, "b/db/log").checkContent("x", "text")
}

// The log or the index may be on another disk.
func TestSubdirectoryCanBeSymbolicLink(t *testing.T) {
	elsewhere := t.TempDir()
	d := newDisk(t, vfs.OS{}, t.TempDir())
	if err := os.Symlink(elsewhere, d.pathOf("log")); err != nil {
		t.Skip(err)
	}
	d.must(d.Mkdir("log"))
	log, err := d.OpenDir("log")
	d.must(err)
	defer log.Close()
	disk{t, log, d.fs}.createFile("a", "text")
	newDisk(t, vfs.OS{}, elsewhere).checkContent("a", "text")
	d.must(log.CheckPath())
}

// procfs cannot sync directories, like some network file systems.
func TestErrorExplainsUnsupportedDirectorySync(t *testing.T) {
	d, err := vfs.OS{}.OpenDir("/proc/self")
	if err != nil {
		t.Skip("there is no /proc")
	}
	defer d.Close()
	for _, err := range []error{d.Sync(), vfs.OS{}.SyncDir("/proc/self")} {
		if err == nil || !strings.Contains(err.Error(), "/proc/self") || !strings.Contains(err.Error(), "cannot sync directories") || !strings.Contains(err.Error(), "local file system") {
			t.Errorf("the error is %v", err)
		}
	}
}

func TestLockedErrorDescribesHolder(t *testing.T) {
	d := newDisk(t, vfs.OS{}, t.TempDir())
	lock, err := d.Lock("LOCK")
	d.must(err)
	var locked *vfs.LockedError
	if _, err := d.Lock("LOCK"); !errors.As(err, &locked) || locked.PID != os.Getpid() || !locked.Self || locked.Host != "" || locked.Path != d.pathOf("LOCK") {
		t.Errorf("the error is %+v, %v", locked, err)
	}
	for content, want := range map[string]string{
		"":                        "another process",
		"4711":                    "another process",
		"garbage of another kind": "another process",
		"4711 elsewhere\n":        "another process (pid 4711 on host elsewhere)",
	} {
		if err := os.WriteFile(d.pathOf("LOCK"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Lock("LOCK"); !errors.As(err, &locked) || locked.Holder() != want {
			t.Errorf("%q: %v", content, err)
		}
	}
	d.must(lock.Close())
	d.checkContent("LOCK", "")
}

func TestOnLockReportsLockedDescriptors(t *testing.T) {
	locked := map[uintptr]bool{}
	vfs.OnLock = func(descriptor uintptr, is bool) {
		if is == locked[descriptor] {
			t.Errorf("descriptor %d is reported twice", descriptor)
		}
		locked[descriptor] = is
		if !is {
			delete(locked, descriptor)
		}
	}
	defer func() { vfs.OnLock = nil }()
	d := newDisk(t, vfs.OS{}, t.TempDir())
	file, err := d.Lock("LOCK")
	d.must(err)
	dir, err := d.LockDir()
	d.must(err)
	if _, err := d.Lock("LOCK"); err == nil || len(locked) != 2 {
		t.Errorf("%d descriptors are locked, not 2: %v", len(locked), err)
	}
	d.must(errors.Join(file.Close(), dir.Close()))
	if len(locked) != 0 {
		t.Errorf("%d descriptors are still locked", len(locked))
	}
}
