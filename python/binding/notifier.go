//go:build cgo

package main

import (
	"encoding/binary"
	"os"
	"syscall"
)

// notifiers is pipes to event loops, which want to be told what has an answer.
var notifiers table[*os.File]

// newNotifier gives the handle of a notifier for a pipe. The descriptor is a
// duplicate, closed when the loop has gone.
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

// notify writes the ID of an exchange to the pipe of a notifier, in eight bytes of
// this machine's order. If nobody reads the pipe any more, nobody wants to know.
func notify(notifier, id uint64) {
	pipe := notifiers.get(notifier)
	if pipe == nil {
		return
	}
	var bytes [8]byte
	binary.NativeEndian.PutUint64(bytes[:], id)
	pipe.Write(bytes[:])
}

// closeNotifier closes the pipe of a notifier. What is under way may still write to it, in vain.
func closeNotifier(notifier uint64) { notifiers.remove(notifier).Close() }
