package main

// #include "binding.h"
import "C"

import (
	"encoding/binary"
	"os"
	"runtime/cgo"
	"syscall"
)

// notifier is a pipe to an event loop, which wants to be told what has an answer.
// The descriptor is a duplicate, closed when the loop has gone.
type notifier struct{ pipe *os.File }

func newNotifier(fd int) (*notifier, error) {
	duplicate, err := syscall.Dup(fd)
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(duplicate)
	if err := syscall.SetNonblock(duplicate, true); err != nil {
		return nil, err
	}
	return &notifier{os.NewFile(uintptr(duplicate), "pipe")}, nil
}

// notifierOf gives what a handle is for; nil for 0.
func notifierOf(handle C.uintptr_t) *notifier {
	if handle == 0 {
		return nil
	}
	return cgo.Handle(handle).Value().(*notifier)
}

// notification says that something has an answer.
type notification struct {
	to     *notifier // nil for nobody
	handle uint64
}

// release closes the pipe. Calls under way may still write to it, in vain.
func (n *notifier) release() { n.pipe.Close() }

// send writes the handle, in eight bytes of this machine's order. If nobody reads
// the pipe any more, nobody wants to know.
func (n notification) send() {
	if n.to == nil {
		return
	}
	var bytes [8]byte
	binary.NativeEndian.PutUint64(bytes[:], n.handle)
	n.to.pipe.Write(bytes[:])
}
