//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"unsafe"

	"github.com/umadb-go/umadb/dcb"
)

// slot is room for a umadb_result, a type that tests cannot name, and pumps have.
type slot struct{ pump }

func newSlot() *slot {
	s := new(slot)
	s.answers = slices.Grow(s.answers, 1)[:1]
	return s
}

// answer is a umadb_result as C understands it.
type answer struct {
	kind    int
	present bool
	number  uint64
	message string
}

// take gives what is in the slot, and frees it, as C does.
func (s *slot) take() answer {
	out := &s.answers[0]
	defer freeBytes(out)
	message := unsafe.Slice((*byte)(unsafe.Pointer(out.bytes)), int(out.length))
	return answer{int(out.kind), out.present != 0, uint64(out.number), string(message)}
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
		s, r := newSlot(), result{present: true, number: 7, err: fmt.Errorf("wrapped: %w", err)}
		r.to(&s.answers[0])
		if got, want := s.take(), (answer{kind: kind, message: r.err.Error()}); got != want {
			t.Errorf("%v: got %+v, want %+v", err, got, want)
		}
	}
}

func TestConflictTellsItsPosition(t *testing.T) {
	s, r := newSlot(), result{err: &dcb.Error{Kind: dcb.ErrIntegrity, ConflictPosition: 42}}
	r.to(&s.answers[0])
	if got := s.take(); !got.present || got.number != 42 {
		t.Errorf("got %+v", got)
	}
}

func TestAnswersAreCopied(t *testing.T) {
	message := []byte("a\x00b")
	s, r := newSlot(), result{present: true, number: 1 << 63, message: message}
	r.to(&s.answers[0])
	message[0] = 'x'
	if got, want := s.take(), (answer{kindOK, true, 1 << 63, "a\x00b"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
