package main

// #include "forks.h"
import "C"

import (
	"syscall"

	"github.com/umadb-go/umadb/internal/vfs"
)

// guardForks keeps forked children from holding the locks of the stores that are
// open in this process. A lock (flock) belongs to the open file, which a child
// inherits: it would keep a store locked after the death of its parent, though no
// child can use it.
func guardForks() error {
	if errno := C.umadb_guard_forks(); errno != 0 {
		return syscall.Errno(errno)
	}
	vfs.OnLock = func(descriptor uintptr, locked bool) {
		if locked {
			C.umadb_close_in_children(C.int(descriptor))
		} else {
			C.umadb_keep_in_children(C.int(descriptor))
		}
	}
	return nil
}
