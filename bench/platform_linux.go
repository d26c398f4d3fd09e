package main

import (
	"io/fs"
	"os"
	"syscall"
)

// allocatedBytes returns the disk space of a file, without holes.
func allocatedBytes(info fs.FileInfo) int64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Blocks * 512
	}
	return info.Size()
}

// syncData makes the data of a file durable, as a log does for every commit.
func syncData(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }

// settle waits for all pending writes, so that no server is charged for the one
// before it.
func settle() { syscall.Sync() }
