//go:build linux

package chaos

import (
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownMounts starts the program again, in a mount namespace of its own, unless it has one. In the
// namespace of all, another process that leaves it, as with unshare --mount, keeps the disks
// mounted that are there just then. When such a disk has failed it cannot be repaired, because
// mounting it again returns the same file system.
func ownMounts() error {
	own, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return err
	}
	if parents, err := os.Readlink("/proc/" + strconv.Itoa(os.Getppid()) + "/ns/mnt"); err != nil || parents != own {
		return nil // who may not read it may not mount disks either
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	runtime.LockOSThread() // the namespace is that of the thread until it starts the program
	defer runtime.UnlockOSThread()
	if unix.Unshare(unix.CLONE_NEWNS) != nil {
		return nil // nor may the test mount disks
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	return syscall.Exec(program, os.Args, os.Environ())
}
