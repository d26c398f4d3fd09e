//go:build linux || darwin

package vfs

import (
	"os"

	"golang.org/x/sys/unix"
)

// freeSpace returns the free space and the size of the file system of an open directory.
func freeSpace(d *os.File) (free, size int64, err error) {
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(d.Fd()), &s); err != nil {
		return 0, 0, &os.PathError{Op: "fstatfs", Path: d.Name(), Err: err}
	}
	unit := int64(s.Bsize)
	return int64(s.Bavail) * unit, int64(s.Blocks) * unit, nil
}
