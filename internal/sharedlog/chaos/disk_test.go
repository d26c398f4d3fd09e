//go:build linux

package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// diskBytes is the size of the file system of a node.
const diskBytes = 2 << 30

// mountDisk makes a directory a file system of its own, in memory, so that it can be filled.
// It reports whether that is permitted.
func mountDisk(t testing.TB, dir string) bool {
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", diskBytes)); err != nil {
		return false
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return true
}

// fillDisk uses all space of the file system of a node. The result makes it available again.
func fillDisk(dir string) (empty func() error, err error) {
	var parent, own unix.Stat_t
	if err := unix.Stat(filepath.Dir(dir), &parent); err != nil {
		return nil, err
	}
	if err := unix.Stat(dir, &own); err != nil {
		return nil, err
	}
	if own.Dev == parent.Dev {
		return nil, fmt.Errorf("%s is no file system of its own", dir)
	}
	name := filepath.Join(dir, "filler")
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	size := int64(0)
	for step := int64(1 << 30); step >= 4096; {
		if err := syscall.Fallocate(int(file.Fd()), 0, size, step); err != nil {
			step /= 2
			continue
		}
		size += step
	}
	return func() error { return os.Remove(name) }, nil
}
