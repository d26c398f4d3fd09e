//go:build !windows

package vfs

import "syscall"

var (
	full         = []error{syscall.ENOSPC, syscall.EDQUOT}
	tooManyFiles = []error{syscall.EMFILE, syscall.ENFILE}
)
