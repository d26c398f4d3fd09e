package main

import "syscall"

// peak is the most resident memory that a process has had, in KiB.
func peak(sysUsage any) int64 {
	if usage, ok := sysUsage.(*syscall.Rusage); ok {
		return int64(usage.Maxrss)
	}
	return 0
}
