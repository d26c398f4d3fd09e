package main

// #include "binding.h"
import "C"

import (
	"os"
	"unsafe"
)

// controls is the end of the control pipe that C's threads write to, kept here so that
// it is not collected and closed.
var controls *os.File

// openControl makes the control pipe, and gives the descriptor to write to. A thread that
// writes goes on at once; to call Go, it would have to wait for one of Go's processors.
func openControl() (int, error) {
	pipe, end, err := os.Pipe()
	if err != nil {
		return -1, err
	}
	controls = end
	go receive(pipe)
	return int(end.Fd()), nil // blocking from here on
}

// receive handles what is written to the control pipe, one after another, as long as
// the process runs. A pipe gives and takes each whole.
func receive(pipe *os.File) {
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

// handle does not wait for anything. What has ended meanwhile is under way no more.
func handle(control C.umadb_control) {
	id := uint64(control.what)
	switch control.verb {
	case C.UMADB_START:
		spawn(begin(C.umadb_address(control.what)).run)
	case C.UMADB_ROOM:
		if e := underWay.get(id); e != nil {
			e.hasRoom()
		}
	case C.UMADB_CANCEL:
		if e := underWay.get(id); e != nil {
			e.stop()
		}
	case C.UMADB_DROP:
		if e := underWay.remove(id); e != nil {
			e.stop()
		}
	case C.UMADB_CANCEL_ALL:
		underWay.each(func(other uint64, e *exchange) {
			if other <= id && e.call == nil {
				e.stop()
			}
		})
	}
}
