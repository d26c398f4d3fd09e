package vfs

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// openNonblock keeps open from blocking on a named pipe without a writer. It has no
// effect on a regular file.
const openNonblock = unix.O_NONBLOCK

// syncFile uses fdatasync, which also makes the length durable, because the data
// cannot be read without it.
func syncFile(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if !errors.Is(err, unix.EINTR) {
			return named("fdatasync", f, err)
		}
	}
}

func bootID() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id))
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

// dropCache drops only what is not waiting to be written to the disk.
func dropCache(f *os.File, offset, size int64) {
	_ = unix.Fadvise(int(f.Fd()), offset, size, unix.FADV_DONTNEED) // advice only
}

func named(op string, f *os.File, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: op, Path: f.Name(), Err: err}
}
