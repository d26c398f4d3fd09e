package vfs

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockedRange returns the byte that is locked. It is far after the end of the file,
// because other processes cannot read a locked byte.
func lockedRange() *windows.Overlapped { return &windows.Overlapped{OffsetHigh: 0x7fffffff} }

// tryLock locks an open file, and reports whether it succeeded. Windows cannot lock
// directories, but it does not let an open directory be removed either.
func tryLock(f *os.File) (bool, error) {
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = errors.ErrUnsupported
	}
	if err != nil {
		return false, err
	}
	err = windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, lockedRange())
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	if err != nil {
		return false, &os.PathError{Op: "LockFileEx", Path: f.Name(), Err: err}
	}
	return true, nil
}

func unlock(f *os.File) error {
	return windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, lockedRange())
}
