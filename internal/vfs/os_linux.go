package vfs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// openNonblock keeps open from waiting for the other end of a named pipe. It has
// no effect on a regular file.
const openNonblock = unix.O_NONBLOCK

// syncFile needs no more than fdatasync: it writes the length too, for without
// it the data could not be read back.
func syncFile(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if !errors.Is(err, unix.EINTR) {
			return named("fdatasync", f, err)
		}
	}
}

func syncDir(d *os.File) error { return d.Sync() }

func allocate(f *os.File, offset, size int64) error {
	for {
		err := unix.Fallocate(int(f.Fd()), 0, offset, size)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
			return errors.ErrUnsupported
		}
		return named("fallocate", f, err)
	}
}

func named(op string, f *os.File, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: op, Path: f.Name(), Err: err}
}
