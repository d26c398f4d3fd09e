//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"unsafe"

	"github.com/umadb-go/umadb/dcb"
)

// answer is a decoded umadb_answer.
type answer struct {
	kind    int
	present bool
	number  uint64
	message string
}

// capacity is UMADB_CAPACITY.
const capacity = 3

// takeAnswers removes the answers from the queue and returns them, as C does. It must not
// run while answers are put.
func takeAnswers(e *exchange) (all []answer) {
	x := e.shared
	for ; x.count > 0; x.count-- {
		out := &x.answers[x.head]
		message := unsafe.Slice((*byte)(unsafe.Pointer(out.bytes)), int(out.length))
		all = append(all, answer{int(out.kind), out.present != 0, uint64(out.number), string(message)})
		freeBytes(out)
		x.head = (x.head + 1) % capacity
	}
	return all
}

// put puts a result and returns the answer that C receives.
func put(t *testing.T, r result) answer {
	t.Helper()
	e := newTestExchange(t)
	e.put(&r)
	return takeAnswers(e)[0]
}

// Kinds of answers in binding.h.
const (
	kindOK        = 0
	kindEnd       = 1
	kindCancelled = 2
	kindInternal  = 8
)

func TestErrorsHaveKindsOfHeader(t *testing.T) {
	for err, kind := range map[error]int{
		io.EOF:                 kindEnd,
		dcb.ErrClosed:          kindCancelled,
		context.Canceled:       kindCancelled,
		dcb.ErrIntegrity:       3,
		dcb.ErrInvalidArgument: 4,
		dcb.ErrAuthentication:  5,
		dcb.ErrCorruption:      6,
		dcb.ErrIO:              7,
		dcb.ErrInternal:        kindInternal,
		dcb.ErrSerialization:   9,
		dcb.ErrTransport:       10,
		errors.New("other"):    kindInternal,
	} {
		r := result{present: true, number: 7, err: fmt.Errorf("wrapped: %w", err)}
		if got, want := put(t, r), (answer{kind: kind, message: r.err.Error()}); got != want {
			t.Errorf("%v: got %+v, want %+v", err, got, want)
		}
	}
}

func TestConflictHasPosition(t *testing.T) {
	r := result{err: &dcb.Error{Kind: dcb.ErrIntegrity, ConflictPosition: 42}}
	if got := put(t, r); !got.present || got.number != 42 {
		t.Errorf("got %+v", got)
	}
}

func TestAnswersAreCopied(t *testing.T) {
	message := []byte("a\x00b")
	e, r := newTestExchange(t), result{present: true, number: 1 << 63, message: message}
	e.put(&r)
	message[0] = 'x'
	if got, want := takeAnswers(e)[0], (answer{kindOK, true, 1 << 63, "a\x00b"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
