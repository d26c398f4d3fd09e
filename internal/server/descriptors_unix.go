//go:build unix

package server

import "syscall"

// descriptorLimit returns the maximum number of open file descriptors of this process,
// or 0 if it is unknown. The Go runtime has raised it to the hard limit.
func descriptorLimit() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return int(min(limit.Cur, 1<<30))
}
