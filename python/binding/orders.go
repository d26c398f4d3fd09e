package main

// #include "exchange.h"
import "C"

import (
	"os"
	"unsafe"
)

// orders is the end of the pipe that C's threads write to.
var orders *os.File

// heed makes the pipe by which C's threads give orders, and gives the descriptor to
// write them to. A thread that writes goes on at once; to call Go, it would have to
// wait for one of Go's processors.
func heed() (int, error) {
	pipe, end, err := os.Pipe()
	if err != nil {
		return -1, err
	}
	orders = end
	go obey(pipe)
	return int(end.Fd()), nil
}

// obey follows orders in the order of their writing, as long as the process runs. A
// pipe gives and takes them whole.
func obey(pipe *os.File) {
	var given [128]C.umadb_order
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&given)), unsafe.Sizeof(given))
	for {
		n, err := pipe.Read(bytes)
		if err != nil {
			return
		}
		for _, order := range given[:uintptr(n)/unsafe.Sizeof(given[0])] {
			follow(order)
		}
	}
}

// follow does not wait for anything.
func follow(order C.umadb_order) {
	number := uint64(order.what)
	switch order.verb {
	case C.UMADB_START:
		spawn(newExchange(C.umadb_address(order.what)).run)
	case C.UMADB_CANCEL_ALL:
		underWay.each(func(e *exchange) {
			if e.call == nil {
				e.stop()
			}
		})
	default:
		e := underWay.get(number)
		if e == nil { // it has ended meanwhile
			return
		}
		switch order.verb {
		case C.UMADB_ROOM:
			e.roomAgain()
		case C.UMADB_CANCEL:
			e.stop()
		case C.UMADB_DROP:
			e.stop()
			underWay.remove(number)
		}
	}
}
