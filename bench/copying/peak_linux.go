package main

import "syscall"

// peak returns the peak resident memory of a process, in KiB. It is at least that of this process,
// which is small: the kernel counts the memory before the program was loaded.
func peak(sysUsage any) int64 {
	if usage, ok := sysUsage.(*syscall.Rusage); ok {
		return int64(usage.Maxrss)
	}
	return 0
}
