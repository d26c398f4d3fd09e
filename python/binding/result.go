package main

// #include <stdlib.h>
// #include "binding.h"
import "C"

import (
	"context"
	"errors"
	"io"
	"unsafe"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/cli"
)

// result is the answer of a call or stream before it is encoded for C.
type result struct {
	present bool
	number  uint64
	message []byte
	opened  *conn // passed to C as a handle
	err     error
}

// encode writes the result to out. C must free the bytes.
func (r *result) encode(out *C.umadb_answer) {
	*out = C.umadb_answer{}
	if r.err != nil {
		r.fail(out)
		return
	}
	out.number = C.uint64_t(r.number)
	if r.present {
		out.present = 1
	}
	if r.opened != nil {
		out.number = C.uint64_t(connections.add(r.opened))
	}
	out.bytes, out.length = toC(r.message)
}

// kinds maps errors to the kinds of answers. The first match wins.
var kinds = []struct {
	err  error
	kind C.int32_t
}{
	{io.EOF, C.UMADB_END},
	{dcb.ErrClosed, C.UMADB_CANCELLED},
	{context.Canceled, C.UMADB_CANCELLED},
	{context.DeadlineExceeded, C.UMADB_TIMEOUT},
	{dcb.ErrIntegrity, C.UMADB_INTEGRITY},
	{dcb.ErrInvalidArgument, C.UMADB_INVALID},
	{dcb.ErrAuthentication, C.UMADB_AUTHENTICATION},
	{dcb.ErrCorruption, C.UMADB_CORRUPTION},
	{dcb.ErrIO, C.UMADB_IO},
	{dcb.ErrInternal, C.UMADB_INTERNAL},
	{dcb.ErrSerialization, C.UMADB_SERIALIZATION},
	{dcb.ErrTransport, C.UMADB_TRANSPORT},
}

// errTimedOut is returned when a call has timed out.
var errTimedOut = &dcb.Error{Kind: dcb.ErrTransport, Detail: "the call did not finish", Cause: context.DeadlineExceeded}

// timedOut returns the error of a call that failed after it had timed out. A transport
// error gets context.DeadlineExceeded as its cause.
func timedOut(err error) error {
	var e *dcb.Error
	switch {
	case err == context.DeadlineExceeded:
		return errTimedOut
	case !errors.As(err, &e) || !errors.Is(e.Kind, dcb.ErrTransport):
		return err
	}
	copied := *e
	copied.Cause = context.DeadlineExceeded
	return &copied
}

func (r *result) fail(out *C.umadb_answer) {
	out.kind = C.UMADB_INTERNAL
	for _, row := range kinds {
		if errors.Is(r.err, row.err) {
			out.kind = row.kind
			break
		}
	}
	var e *dcb.Error
	if errors.As(r.err, &e) && (e.ConflictPosition != 0 || e.NotAppended) {
		out.present, out.number = 1, C.uint64_t(e.ConflictPosition)
	}
	// The text may come from a server, and a traceback prints it on a terminal.
	out.bytes, out.length = toC([]byte(cli.EscapeControl(r.err.Error())))
}

// freeBytes frees the bytes of an answer that was not passed to C.
func freeBytes(r *C.umadb_answer) { C.free(unsafe.Pointer(r.bytes)) }

// toC copies b to memory that C must free.
func toC(b []byte) (*C.char, C.int64_t) {
	if len(b) == 0 {
		return nil, 0
	}
	return (*C.char)(C.CBytes(b)), C.int64_t(len(b))
}
