// Package main is the Go library inside the Python package: the client, the
// embedded store and the command line behind a few C functions. binding.h has what it
// shares with the extension; what else there is, C has by number. Bytes are copied at
// the border.
//
// A thread of Python's makes an exchange, orders its start by the control pipe
// (control.go) and sleeps until an answer is in it. What an embedded store answers,
// but for streams that wait for more, is fetched on that thread.
//
// Goroutines: one that receives from the control pipe, as long as the process runs, and
// one for each exchange that works by itself (exchange.go), which ends with it: of a
// stream, when it is at its end, cancelled or dropped. Some are kept for the next
// (workers.go).
package main

// #include "binding.h"
import "C"

import (
	"os"
	"unsafe"

	"github.com/umadb-go/umadb/internal/cli"
)

func main() {}

// umadb_init makes the control pipe, and gives the descriptor to write to; -1 if
// there is none, if forks cannot be guarded, or if an exchange has another size here:
// then the extension is of another build.
//
//export umadb_init
func umadb_init(size C.int64_t) C.int32_t {
	if size != C.sizeof_umadb_exchange {
		return -1
	}
	saveProcessors()
	if err := guardForks(); err != nil {
		return -1
	}
	fd, err := openControl()
	if err != nil {
		return -1
	}
	return C.int32_t(fd)
}

// umadb_begin begins an exchange that is to be stepped.
//
//export umadb_begin
func umadb_begin(x *C.umadb_exchange) { begin(x) }

// umadb_step puts the next answer of an exchange that has begun, or, if the time of a
// step is bounded and it takes longer, has it put.
//
//export umadb_step
func umadb_step(x *C.umadb_exchange, bounded C.int32_t) {
	if e := underWay.get(uint64(x.id)); e != nil { // else it has ended meanwhile
		e.step(bounded != 0)
	}
}

// umadb_forget frees a connection, and closes it first if need be.
//
//export umadb_forget
func umadb_forget(connection C.uint64_t) { forget(uint64(connection)) }

// umadb_notifier makes a notifier that writes the IDs of exchanges that have an
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

// umadb_close_notifier frees a notifier. What is under way may still name it.
//
//export umadb_close_notifier
func umadb_close_notifier(notifier C.uint64_t) { closeNotifier(uint64(notifier)) }

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
