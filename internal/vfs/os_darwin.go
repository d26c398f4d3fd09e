package vfs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// openNonblock keeps open from blocking on a named pipe without a writer. It has no
// effect on a regular file.
const openNonblock = unix.O_NONBLOCK

// syncFile also flushes the cache of the drive, which fsync on macOS does not.
func syncFile(f *os.File) error {
	_, err := unix.FcntlInt(f.Fd(), unix.F_FULLFSYNC, 0)
	if err != nil {
		return &os.PathError{Op: "fcntl F_FULLFSYNC", Path: f.Name(), Err: err}
	}
	return nil
}

func bootID() string {
	id, _ := unix.Sysctl("kern.bootsessionuuid")
	return id
}

func syncDir(d *os.File) error { return d.Sync() }

func allocate(*os.File, int64, int64) error { return errors.ErrUnsupported }

func dropCache(*os.File, int64, int64) {}
