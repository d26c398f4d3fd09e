package vfs

import (
	"syscall"

	"golang.org/x/sys/windows"
)

var (
	fullErrors         = []error{syscall.ENOSPC, syscall.EDQUOT, windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_DISK_QUOTA_EXCEEDED}
	tooManyFilesErrors = []error{syscall.EMFILE, syscall.ENFILE, windows.ERROR_TOO_MANY_OPEN_FILES}
)
