package storedir

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/vfs"
)

// Locks are the locks on the directory of a store. The zero value holds none.
type Locks struct {
	file, log io.Closer // nil if not held
}

// LockFile locks the file LockName in the directory of a store. A store that is only read
// needs no lock if the file does not exist and cannot be created: then no process can have
// the store open.
func (l *Locks) LockFile(root vfs.Dir, readOnly bool) error {
	lock, err := root.Lock(LockName)
	if readOnly && vfs.Denied(err) {
		if names, listErr := root.List(); listErr == nil && !slices.Contains(names, LockName) {
			return nil
		}
	}
	if err != nil {
		return lockError(root, err)
	}
	l.file = lock
	return nil
}

// LockLog locks the directory of the log of the store in root, because lock files are
// sometimes removed by mistake.
func (l *Locks) LockLog(root, log vfs.Dir) error {
	lock, err := log.LockDir()
	if err != nil {
		return lockError(root, err)
	}
	l.log = lock
	return nil
}

// lockError returns the error for a store that is locked, and other errors as they are.
func lockError(root vfs.Dir, err error) error {
	locked, ok := errors.AsType[*vfs.LockedError](err)
	if !ok {
		return err
	}
	remedy := "stop the process"
	if locked.Self {
		remedy = "close the store there first"
	}
	return fmt.Errorf("%w; %s", &dcb.Error{Kind: dcb.ErrIO, Detail: "cannot open store " + root.Path(), Cause: err}, remedy)
}

// ReleaseLog releases the lock on the directory of the log.
func (l *Locks) ReleaseLog() error { return release(&l.log) }

// Release releases all locks.
func (l *Locks) Release() error { return errors.Join(l.ReleaseLog(), release(&l.file)) }

func release(lock *io.Closer) error {
	held := *lock
	if *lock = nil; held == nil {
		return nil
	}
	return held.Close()
}
