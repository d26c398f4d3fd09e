package main

import (
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// allocatedBytes returns the disk space of a file, without holes.
func allocatedBytes(info fs.FileInfo) int64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Blocks * 512
	}
	return info.Size()
}

// freeBytes returns the space that is available on the file system of a directory.
func freeBytes(dir string) (int64, error) {
	var stat syscall.Statfs_t
	err := syscall.Statfs(dir, &stat)
	return int64(stat.Bavail) * stat.Bsize, err
}

// resetPeakMemory makes the peak resident memory of this process start from the memory now.
func resetPeakMemory() { os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// syncData makes the data of a file durable, as a log does for every commit.
func syncData(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }

// settle waits for all pending writes, so that no server is charged for the one
// before it.
func settle() { syscall.Sync() }

// ordinaryUsers are the users for a server that does not run as root, in order of
// preference.
var ordinaryUsers = []string{"postgres", "daemon"}

// ordinaryUser returns the ids of the user for a server that does not run as root. If this
// process is not root's, they are its own.
func ordinaryUser() (uid, gid int, err error) {
	if os.Geteuid() != 0 {
		return os.Geteuid(), os.Getegid(), nil
	}
	for _, name := range ordinaryUsers {
		found, lookup := user.Lookup(name)
		if err = lookup; err != nil {
			continue
		}
		if uid, err = strconv.Atoi(found.Uid); err == nil {
			gid, err = strconv.Atoi(found.Gid)
		}
		return uid, gid, err
	}
	return 0, 0, err
}

// asOrdinaryUser makes a command run as the ordinary user, in its own process group, and
// end with this process.
func asOrdinaryUser(cmd *exec.Cmd) (*exec.Cmd, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGQUIT}
	uid, gid, err := ordinaryUser()
	if err == nil && os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		cmd.Dir = "/" // the working directory may be closed to that user
	}
	return cmd, err
}

// allowOrdinaryUser makes a directory belong to the ordinary user, and lets it pass
// through its parent.
func allowOrdinaryUser(dir string) error {
	uid, gid, err := ordinaryUser()
	if err != nil || os.Geteuid() != 0 {
		return err
	}
	if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil {
		return err
	}
	return os.Chown(dir, uid, gid)
}
