//go:build cgo

package main

import (
	"encoding/binary"
	"os"
	"syscall"
)

// notifiers contains the pipes to event loops.
var notifiers table[*os.File]

// newNotifier returns the handle of a notifier that writes to fd. The notifier has a
// duplicate of the descriptor, so that the caller may close fd.
func newNotifier(fd int) (uint64, error) {
	duplicate, err := syscall.Dup(fd)
	if err != nil {
		return 0, os.NewSyscallError("dup", err)
	}
	syscall.CloseOnExec(duplicate)
	if err := syscall.SetNonblock(duplicate, true); err != nil {
		return 0, os.NewSyscallError("fcntl", err)
	}
	return notifiers.add(os.NewFile(uintptr(duplicate), "pipe")), nil
}

// notify writes the ID of an exchange to the pipe of a notifier, as eight bytes in native
// byte order. Errors are ignored: the reader of the pipe is gone.
func notify(notifier, id uint64) {
	pipe := notifiers.get(notifier)
	if pipe == nil {
		return
	}
	var bytes [8]byte
	binary.NativeEndian.PutUint64(bytes[:], id)
	pipe.Write(bytes[:])
}

// closeNotifier closes the pipe of a notifier. Later notifications have no effect.
func closeNotifier(notifier uint64) { notifiers.remove(notifier).Close() }
