// Package main is the Go library inside the Python package: the client, the
// embedded store and the command line behind a few C functions. binding.h has the
// types. Everything is named by numbers; bytes are copied at the border.
//
// A thread of Python's makes an exchange (exchange.h), orders its start by a pipe
// (orders.go) and sleeps until an answer is in it. Only what an embedded store answers
// at once is done on the thread itself.
//
// Goroutines: one that follows orders, as long as the process runs, and one for each
// exchange that it was ordered to start (exchange.go), which ends with the exchange:
// of a stream, when it is at its end, cancelled or dropped. Some are kept for the next
// (workers.go).
package main

// #include "exchange.h"
import "C"

import (
	"os"
	"unsafe"

	"github.com/umadb-go/umadb/internal/cli"
)

func main() {}

// umadb_heed begins to follow the orders that are written to the descriptor that it
// gives; -1 if that cannot be.
//
//export umadb_heed
func umadb_heed() C.int32_t {
	saveProcessors()
	fd, err := heed()
	if err != nil {
		return -1
	}
	return C.int32_t(fd)
}

// umadb_step puts the next answer of an exchange with an embedded store, or is about
// to, if there is a hurry and it takes longer than a moment.
//
//export umadb_step
func umadb_step(x *C.umadb_exchange, hurry C.int32_t) {
	e := underWay.get(uint64(x.number))
	if e == nil {
		e = newExchange(x)
	}
	e.step(hurry != 0)
}

// umadb_forget frees a connection, and closes it first if need be.
//
//export umadb_forget
func umadb_forget(connection C.uint64_t) { forget(uint64(connection)) }

// umadb_notifier makes a notifier that writes the numbers of exchanges that have an
// answer to a pipe, in eight bytes of this machine's order; 0 if that cannot be.
//
//export umadb_notifier
func umadb_notifier(fd C.int32_t) C.uint64_t {
	notifier, err := newNotifier(int(fd))
	if err != nil {
		return 0
	}
	return C.uint64_t(notifier)
}

// umadb_release frees a notifier. What is under way may still name it.
//
//export umadb_release
func umadb_release(notifier C.uint64_t) { release(uint64(notifier)) }

// umadb_main runs the command line, whose arguments come without the program's
// name, and gives its exit code.
//
//export umadb_main
func umadb_main(args **C.char, count C.int32_t) C.int32_t {
	useProcessors()
	words := make([]string, 0, count)
	for _, arg := range unsafe.Slice(args, int(count)) {
		words = append(words, C.GoString(arg))
	}
	return C.int32_t(cli.Main(words, os.Stdin, os.Stdout, os.Stderr))
}
