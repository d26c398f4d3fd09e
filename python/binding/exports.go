// Package main is the Go library of the Python package: it exports the client, the
// embedded store and the command line as a few C functions. The types that it shares with
// the extension are in binding.h; everything else is passed to C as an integer handle.
// Bytes are copied between Go and C.
//
// A Python thread creates an exchange, starts it through the control pipe (control.go)
// and sleeps until it contains an answer. Requests to an embedded store run on the
// calling thread, except streams that wait for new events, and questions for the index.
//
// Goroutines: one reads the control pipe as long as the process runs; one works on each
// exchange that the caller does not step (exchange.go), and exits when the exchange has
// ended or was dropped. Idle goroutines are reused (workers.go).
package main

// #include "binding.h"
import "C"

import (
	"os"
	"unsafe"

	"github.com/umadb-go/umadb/internal/cli"
)

func main() {}

// umadb_init creates the control pipe and returns the descriptor of its write end. It
// returns -1 if the pipe cannot be created, if the fork handler cannot be registered, or
// if size is not that of an exchange here: the extension is from another build.
//
//export umadb_init
func umadb_init(size C.int64_t) C.int32_t {
	if size != C.sizeof_umadb_exchange {
		return -1
	}
	useOneProcessor()
	if err := guardForks(); err != nil {
		return -1
	}
	fd, err := openControlPipe()
	if err != nil {
		return -1
	}
	return C.int32_t(fd)
}

// umadb_begin adds an exchange that the caller will step.
//
//export umadb_begin
func umadb_begin(x *C.umadb_exchange) { newExchange(x) }

// umadb_step puts the next answer of an exchange. A bounded step that takes too long
// continues on a goroutine.
//
//export umadb_step
func umadb_step(x *C.umadb_exchange, bounded C.int32_t) {
	if e := active.get(uint64(x.id)); e != nil { // else it has ended meanwhile
		e.step(bounded != 0)
	}
}

// umadb_free_connection closes a connection if it is open, and frees it.
//
//export umadb_free_connection
func umadb_free_connection(connection C.uint64_t) { freeConnection(uint64(connection)) }

// umadb_notifier returns the handle of a notifier that writes the IDs of exchanges with a
// new answer to fd, as eight bytes in native byte order. It returns 0 on an error.
//
//export umadb_notifier
func umadb_notifier(fd C.int32_t) C.uint64_t {
	notifier, err := newNotifier(int(fd))
	if err != nil {
		return 0
	}
	return C.uint64_t(notifier)
}

// umadb_close_notifier frees a notifier. Active exchanges may still refer to it.
//
//export umadb_close_notifier
func umadb_close_notifier(notifier C.uint64_t) { closeNotifier(uint64(notifier)) }

// umadb_main runs the command line and returns its exit code. args does not contain the
// program's name.
//
//export umadb_main
func umadb_main(args **C.char, count C.int32_t) C.int32_t {
	useAllProcessors()
	arguments := make([]string, 0, count)
	for _, arg := range unsafe.Slice(args, int(count)) {
		arguments = append(arguments, C.GoString(arg))
	}
	return C.int32_t(cli.Main(arguments, os.Stdin, os.Stdout, os.Stderr, cli.Extensions{}))
}
