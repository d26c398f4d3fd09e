//go:build cgo

package main

import (
	"encoding/binary"
	"io"
	"os"
	"testing"
	"unsafe"
)

// The verbs that the tests write; binding.h has them all.
const (
	start     = 1
	room      = 2
	cancel    = 3
	drop      = 4
	cancelAll = 5
)

// obeyed gives what writes orders that are obeyed until the test ends.
func obeyed(t *testing.T) func(orders ...[2]uint64) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	go obey(r)
	return func(orders ...[2]uint64) {
		bytes, err := binary.Append(nil, binary.NativeEndian, orders)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(bytes); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOrderedExchangeStarts(t *testing.T) {
	order := obeyed(t)
	e := asked(t)
	underWay.remove(uint64(e.shared.number))
	order([2]uint64{room, 1 << 60}, [2]uint64{start, uint64(uintptr(unsafe.Pointer(e.shared)))})
	until(t, letGo(e))
	if got := given(e); len(got) != 1 || got[0].kind != kindCancelled {
		t.Errorf("got %+v", got)
	}
}

func TestOrdersAreFollowedInTheirOrder(t *testing.T) {
	order := obeyed(t)
	e, m := streamed(t)
	for range 4 {
		m.come <- "message"
	}
	go e.run()
	until(t, has(e, 2))
	if got := given(e); len(got) != 2 {
		t.Fatalf("got %+v", got)
	}
	number := uint64(e.shared.number)
	order([2]uint64{room, number}, [2]uint64{cancel, number}, [2]uint64{room, number}, [2]uint64{drop, number})
	until(t, letGo(e))
	if all := given(e); all[len(all)-1].kind != kindCancelled {
		t.Errorf("got %+v", all)
	}
}

func TestAllStreamsAreCancelledAndNoCalls(t *testing.T) {
	order := obeyed(t)
	first, _ := streamed(t)
	second, _ := streamed(t)
	call := asked(t)
	call.call = seven
	order([2]uint64{cancelAll})
	<-first.ctx.Done()
	<-second.ctx.Done()
	if call.ctx.Err() != nil {
		t.Error("a call was cancelled")
	}
	for _, e := range []*exchange{first, second, call} {
		e.end()
	}
}

// piped gives the handle of a notifier, and what reads the next number that it tells.
func piped(t *testing.T) (uint64, func() uint64) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close() // the notifier has its own
	notifier, err := newNotifier(int(w.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return notifier, func() uint64 {
		var told [8]byte
		if _, err := io.ReadFull(r, told[:]); err != nil {
			t.Error(err)
		}
		return binary.NativeEndian.Uint64(told[:])
	}
}

func TestNotifierTellsOnceWhatHasAnAnswer(t *testing.T) {
	notifier, told := piped(t)
	e, m := streamed(t)
	for _, message := range []string{"one", "two"} {
		m.come <- message
	}
	close(m.come)
	set(&e.shared.notifier, notifier)
	go e.run()
	until(t, has(e, 2))
	if got := told(); got != uint64(e.shared.number) {
		t.Errorf("told of %d", got)
	}
	release(notifier)
	if e.shared.notifier != 0 {
		t.Error("it would be told again")
	}
	notify(notifier, 1) // harms nobody
	given(e)
	e.roomAgain()
	until(t, letGo(e))
	given(e)
}
