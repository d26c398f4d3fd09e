package storedir_test

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/storedir"
	"github.com/umadb-go/umadb/internal/vfs"
)

func openDir(t *testing.T, fsys vfs.FS, path string) vfs.Dir {
	t.Helper()
	dir, err := fsys.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	return dir
}

func TestLocksAreExclusiveUntilReleased(t *testing.T) {
	mem := vfs.NewMem()
	for _, path := range []string{"db", "db/log"} {
		if err := mem.MkdirAll(path); err != nil {
			t.Fatal(err)
		}
	}
	root, log := openDir(t, mem, "db"), openDir(t, mem, "db/log")
	var first, second storedir.Locks
	if err := errors.Join(first.LockFile(root, false), first.LockLog(root, log)); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{second.LockFile(root, true), second.LockLog(root, log)} {
		if !errors.Is(err, dcb.ErrIO) || !errors.Is(err, vfs.ErrLocked) || !strings.Contains(err.Error(), "cannot open store db: locked by another process; stop the process") {
			t.Errorf("locking again: %v", err)
		}
	}
	if err := errors.Join(second.Release(), first.ReleaseLog()); err != nil {
		t.Fatal(err)
	}
	if err := second.LockFile(root, false); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("the file after the lock on the log is released: %v", err)
	}
	if err := errors.Join(second.LockLog(root, log), first.Release(), second.LockFile(root, false), second.Release()); err != nil {
		t.Error(err)
	}
}

func TestLockOfThisProcessHasOtherRemedy(t *testing.T) {
	root := openDir(t, vfs.OS{}, t.TempDir())
	var first, second storedir.Locks
	if err := first.LockFile(root, false); err != nil {
		t.Fatal(err)
	}
	defer first.Release()
	if err := second.LockFile(root, false); err == nil || !strings.Contains(err.Error(), "locked by this process; close the store there first") {
		t.Errorf("locking again: %v", err)
	}
}

// denied is a directory whose lock file can be neither opened nor created.
type denied struct {
	vfs.Dir
	names []string
}

func (d *denied) List() ([]string, error)        { return d.names, nil }
func (d *denied) Lock(string) (io.Closer, error) { return nil, fs.ErrPermission }

func TestStoreWithoutLockFileCanBeReadWhereNoneCanBeCreated(t *testing.T) {
	var locks storedir.Locks
	without, with := &denied{names: []string{"log"}}, &denied{names: []string{"LOCK", "log"}}
	if err := locks.LockFile(without, true); err != nil {
		t.Errorf("to read: %v", err)
	}
	if err := locks.LockFile(without, false); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("to write: %v", err)
	}
	if err := locks.LockFile(with, true); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("with a lock file: %v", err)
	}
}
