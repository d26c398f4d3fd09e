//go:build !windows

package vfs

import "syscall"

var (
	fullErrors         = []error{syscall.ENOSPC, syscall.EDQUOT}
	tooManyFilesErrors = []error{syscall.EMFILE, syscall.ENFILE}
)
