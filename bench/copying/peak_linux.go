package main

import "syscall"

// peak returns the peak resident memory of a process, in KiB.
func peak(sysUsage any) int64 {
	if usage, ok := sysUsage.(*syscall.Rusage); ok {
		return int64(usage.Maxrss)
	}
	return 0
}
