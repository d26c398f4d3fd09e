package vfs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// openNonblock keeps open from waiting for the other end of a named pipe. It has
// no effect on a regular file.
const openNonblock = unix.O_NONBLOCK

// syncFile asks the drive to empty its cache too; fsync on macOS does not.
func syncFile(f *os.File) error {
	_, err := unix.FcntlInt(f.Fd(), unix.F_FULLFSYNC, 0)
	if err != nil {
		return &os.PathError{Op: "fcntl F_FULLFSYNC", Path: f.Name(), Err: err}
	}
	return nil
}

func syncDir(d *os.File) error { return d.Sync() }

func allocate(*os.File, int64, int64) error { return errors.ErrUnsupported }
