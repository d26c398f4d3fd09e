package main

import (
	"io/fs"
	"os"
	"syscall"
)

// childAttributes keep a server out of reach of the terminal's Ctrl-C, which is
// for this process to act on, and end it should this process die unawares.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// allocatedBytes is what a file takes on the disk, holes left out.
func allocatedBytes(info fs.FileInfo) int64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Blocks * 512
	}
	return info.Size()
}

// syncData makes a file's data durable, as a log does at every commit.
func syncData(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }

// settle waits until the disk has taken all that was written and deleted, so
// that no server pays for the one before it.
func settle() { syscall.Sync() }
