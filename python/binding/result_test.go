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

// answer is a umadb_answer as C understands it.
type answer struct {
	kind    int
	present bool
	number  uint64
	message string
}

// capacity is UMADB_CAPACITY.
const capacity = 3

// given gives the answers that are in an exchange and takes them out, as C does. Nobody
// may put one at the time.
func given(e *exchange) (all []answer) {
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

// put gives a result to C, and what C has then.
func put(t *testing.T, r result) answer {
	t.Helper()
	e := asked(t)
	e.put(&r)
	return given(e)[0]
}

// The kinds that the tests meet; binding.h has them all.
const (
	kindOK        = 0
	kindEnd       = 1
	kindCancelled = 2
	kindInternal  = 8
)

func TestErrorsHaveTheKindsOfTheHeader(t *testing.T) {
	for err, kind := range map[error]int{
		io.EOF:                   kindEnd,
		dcb.ErrClosed:            kindCancelled,
		context.Canceled:         kindCancelled,
		dcb.ErrIntegrity:         3,
		dcb.ErrInvalidArgument:   4,
		dcb.ErrAuthentication:    5,
		dcb.ErrCorruption:        6,
		dcb.ErrIO:                7,
		dcb.ErrInternal:          kindInternal,
		dcb.ErrSerialization:     9,
		dcb.ErrTransport:         10,
		errors.New("of no kind"): kindInternal,
	} {
		r := result{present: true, number: 7, err: fmt.Errorf("wrapped: %w", err)}
		if got, want := put(t, r), (answer{kind: kind, message: r.err.Error()}); got != want {
			t.Errorf("%v: got %+v, want %+v", err, got, want)
		}
	}
}

func TestConflictTellsItsPosition(t *testing.T) {
	r := result{err: &dcb.Error{Kind: dcb.ErrIntegrity, ConflictPosition: 42}}
	if got := put(t, r); !got.present || got.number != 42 {
		t.Errorf("got %+v", got)
	}
}

func TestAnswersAreCopied(t *testing.T) {
	message := []byte("a\x00b")
	e, r := asked(t), result{present: true, number: 1 << 63, message: message}
	e.put(&r)
	message[0] = 'x'
	if got, want := given(e)[0], (answer{kindOK, true, 1 << 63, "a\x00b"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
