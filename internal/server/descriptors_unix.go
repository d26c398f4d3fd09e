//go:build unix

package server

import "syscall"

// descriptorLimit returns how many file descriptors this process may have open, or
// 0 if that is unknown. The runtime has raised it to the hard limit.
func descriptorLimit() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return int(min(limit.Cur, 1<<30))
}
