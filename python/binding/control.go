package main

// #include "binding.h"
import "C"

import (
	"os"
	"unsafe"
)

// controlPipe is the write end of the control pipe, referenced so that its finalizer
// does not close it.
var controlPipe *os.File

// openControlPipe creates the control pipe and returns the descriptor of its write end.
// Writing to a pipe returns at once; a call of Go would first wait for an idle processor
// of the Go scheduler.
func openControlPipe() (int, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return -1, err
	}
	controlPipe = w
	go receiveControls(r)
	return int(w.Fd()), nil // Fd sets the descriptor to blocking mode
}

// receiveControls executes the commands of the control pipe in order, as long as the
// process runs. Each is written atomically and the buffer is a multiple of its size, so
// none is split.
func receiveControls(pipe *os.File) {
	var received [128]C.umadb_control
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&received)), unsafe.Sizeof(received))
	for {
		n, err := pipe.Read(bytes)
		if err != nil {
			return
		}
		for _, control := range received[:uintptr(n)/unsafe.Sizeof(received[0])] {
			handle(control)
		}
	}
}

// handle executes one command. It must not block. A command for an exchange that has
// ended has no effect.
func handle(control C.umadb_control) {
	id := uint64(control.argument)
	switch control.command {
	case C.UMADB_START:
		spawn(newExchange(C.umadb_address(control.argument)).run)
	case C.UMADB_RESUME:
		if e := active.get(id); e != nil {
			e.resume()
		}
	case C.UMADB_CANCEL:
		if e := active.get(id); e != nil {
			e.stop()
		}
	case C.UMADB_DROP:
		if e := active.remove(id); e != nil {
			e.stop()
		}
	case C.UMADB_CANCEL_ALL:
		active.each(func(other uint64, e *exchange) {
			if other <= id && e.call == nil {
				e.stop()
			}
		})
	}
}
