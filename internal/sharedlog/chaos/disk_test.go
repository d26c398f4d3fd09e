//go:build linux

package chaos

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// disk is a file system of its own, on a file. It can be full, fail, or lose what was not
// synced.
type disk struct {
	dir   string // where it is mounted
	image string
}

// diskBytes is the size of a disk. Its file has only the blocks that are in use.
const diskBytes = 2 << 30

// newDisk mounts a new disk at a directory. It returns nil if that is not permitted, which
// needs root and loop devices.
func newDisk(t testing.TB, dir, image string) *disk {
	t.Helper()
	d := &disk{dir, image}
	file, err := os.Create(image)
	if err == nil {
		err = errors.Join(file.Truncate(diskBytes), file.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	if exec.Command("mkfs.ext4", "-q", "-F", image).Run() != nil || d.mount() != nil {
		return nil
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmounting %s: %v", dir, err)
		}
	})
	return d
}

func (d *disk) mount() error {
	if output, err := exec.Command("mount", "-o", "loop", d.image, d.dir).CombinedOutput(); err != nil {
		return fmt.Errorf("mounting %s: %w: %s", d.dir, err, output)
	}
	return nil
}

// fail makes all later reads and writes fail, and discards what was not synced.
func (d *disk) fail() error {
	const shutdown, withoutFlush = 0x8004587d, 2 // EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH
	root, err := os.Open(d.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return unix.IoctlSetPointerInt(int(root.Fd()), shutdown, withoutFlush)
}

// repair makes a disk that has failed usable again. No process may have files on it open; those
// that were killed may need a moment to end.
func (d *disk) repair() error {
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		err := unix.Unmount(d.dir, 0)
		if err == nil {
			return d.mount()
		}
		if !errors.Is(err, syscall.EBUSY) || time.Now().After(end) {
			return fmt.Errorf("unmounting %s: %w", d.dir, err)
		}
	}
}

// sync makes everything on the disk durable.
func (d *disk) sync() error {
	root, err := os.Open(d.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return unix.Syncfs(int(root.Fd()))
}

// fill uses all space of the disk. The result makes it available again.
func (d *disk) fill() (empty func() error, err error) {
	name := filepath.Join(d.dir, "filler")
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
	// After a later power cut the file must not be there again.
	return func() error { return errors.Join(os.Remove(name), d.sync()) }, nil
}
