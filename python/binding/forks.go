package main

// #include "forks.h"
import "C"

import (
	"syscall"

	"github.com/umadb-go/umadb/internal/vfs"
)

// guardForks makes forked children close the descriptors that lock the stores of this
// process. A lock (flock) belongs to the open file description, which a child inherits: a
// child would keep a store locked after its parent has exited, although it cannot use it.
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
