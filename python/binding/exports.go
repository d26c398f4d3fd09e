// Package main is the Go library inside the Python package: the client, the
// embedded store and the command line behind a dozen C functions. binding.h has
// the types. Everything is named by handles; bytes are copied at the border.
//
// Goroutines: one for each call that is waited for in pieces (call.go), which
// ends with the call, one for each call given up (call.go), which ends with it too,
// and one for each stream that waits for a server, for events to come or for a read
// that takes long (pump.go), from when it is first asked to when the stream is at its
// end or freed. Some are kept for the next (workers.go).
package main

// #include "binding.h"
import "C"

import (
	"context"
	"os"
	"runtime/cgo"
	"unsafe"

	"github.com/umadb-go/umadb/internal/cli"
)

func main() {}

// umadb_open begins to open a store: file:PATH in this process, anything else on
// a server. Waited for like a call; the answer is the handle of the connection.
//
//export umadb_open
func umadb_open(url *C.char, caFile *C.char, apiKey *C.char, batchSize C.uint32_t, wait C.int32_t, notify C.uintptr_t, out *C.umadb_result) C.uintptr_t {
	o := openOptions{url: C.GoString(url), caFile: C.GoString(caFile), apiKey: C.GoString(apiKey), batchSize: uint32(batchSize)}
	return begin(context.Background(), o.open, wait, notify, out)
}

// umadb_call begins a call with one answer. If it ends within the time to wait,
// the answer is in out, and the handle 0; else the handle is for umadb_wait. With
// a notifier, the call is not waited for: the notifier tells when it has ended.
//
//export umadb_call
func umadb_call(connection C.uintptr_t, method C.int32_t, request *C.char, length C.int64_t, wait C.int32_t, notify C.uintptr_t, out *C.umadb_result) C.uintptr_t {
	c := cgo.Handle(connection).Value().(*conn)
	return begin(c.ctx, c.work(method, copied(request, length)), wait, notify, out)
}

// umadb_wait waits on. It gives 0 if the call has ended, which frees it.
//
//export umadb_wait
func umadb_wait(handle C.uintptr_t, wait C.int32_t, out *C.umadb_result) C.uintptr_t {
	if cgo.Handle(handle).Value().(*call).wait(int(wait), out) {
		cgo.Handle(handle).Delete()
		return 0
	}
	return handle
}

// umadb_drop gives a call up: it is cancelled, and nobody waits for it any more.
//
//export umadb_drop
func umadb_drop(handle C.uintptr_t) {
	cgo.Handle(handle).Value().(*call).drop()
	cgo.Handle(handle).Delete()
}

// umadb_stream opens a stream. What is wrong with it, its first message tells.
//
//export umadb_stream
func umadb_stream(connection C.uintptr_t, method C.int32_t, request *C.char, length C.int64_t) C.uintptr_t {
	c := cgo.Handle(connection).Value().(*conn)
	return C.uintptr_t(cgo.NewHandle(c.stream(method, copied(request, length))))
}

// umadb_next gives the next message of a stream: 0, and out has it or how the
// stream ended; 1 if none came in time. Then the notifier, if not 0, tells once
// when one is there.
//
//export umadb_next
func umadb_next(stream C.uintptr_t, wait C.int32_t, notify C.uintptr_t, out *C.umadb_result) C.int32_t {
	s := cgo.Handle(stream).Value().(streaming)
	if s.next(int(wait), notification{to: notifierOf(notify), handle: uint64(stream)}, out) {
		return 0
	}
	return 1
}

// umadb_cancel ends a stream: whoever waits for a message gets UMADB_CANCELLED.
//
//export umadb_cancel
func umadb_cancel(stream C.uintptr_t) {
	cgo.Handle(stream).Value().(streaming).cancel()
}

// umadb_free ends a stream and frees it.
//
//export umadb_free
func umadb_free(stream C.uintptr_t) {
	s := cgo.Handle(stream).Value().(streaming)
	streams.remove(s)
	s.free()
	cgo.Handle(stream).Delete()
}

// umadb_forget frees a connection, and closes it first if need be.
//
//export umadb_forget
func umadb_forget(connection C.uintptr_t) {
	cgo.Handle(connection).Value().(*conn).close()
	cgo.Handle(connection).Delete()
}

// umadb_notifier makes a notifier that writes handles to a pipe, in eight bytes of
// this machine's order; 0 if that cannot be.
//
//export umadb_notifier
func umadb_notifier(fd C.int32_t) C.uintptr_t {
	n, err := newNotifier(int(fd))
	if err != nil {
		return 0
	}
	return C.uintptr_t(cgo.NewHandle(n))
}

// umadb_release frees a notifier. Calls under way may still use it.
//
//export umadb_release
func umadb_release(notifier C.uintptr_t) {
	notifierOf(notifier).release()
	cgo.Handle(notifier).Delete()
}

// umadb_cancel_streams ends every stream of the process.
//
//export umadb_cancel_streams
func umadb_cancel_streams() { streams.cancelAll() }

// umadb_main runs the command line, whose arguments come without the program's
// name, and gives its exit code.
//
//export umadb_main
func umadb_main(args **C.char, count C.int32_t) C.int32_t {
	words := make([]string, 0, count)
	for _, arg := range unsafe.Slice(args, int(count)) {
		words = append(words, C.GoString(arg))
	}
	return C.int32_t(cli.Main(words, os.Stdin, os.Stdout, os.Stderr))
}

func copied(bytes *C.char, length C.int64_t) []byte {
	return append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(bytes)), int(length))...)
}
