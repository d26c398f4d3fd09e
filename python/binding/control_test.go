//go:build cgo

package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"unsafe"
)

// The verbs that the tests write, and a method; binding.h has them all.
const (
	start     = 1
	room      = 2
	cancel    = 3
	drop      = 4
	cancelAll = 5
	subscribe = 8
)

// received gives what writes to a control pipe, all at once.
func received(t *testing.T) func(controls ...[2]uint64) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	go receive(r)
	return func(controls ...[2]uint64) {
		bytes, err := binary.Append(nil, binary.NativeEndian, controls)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(bytes); err != nil {
			t.Fatal(err)
		}
	}
}

// unknown gives an exchange of a connection that is no more, with which nothing has
// begun, and its address.
func unknown(t *testing.T) (*exchange, uint64) {
	t.Helper()
	e := asked(t)
	underWay.remove(uint64(e.shared.id))
	return e, uint64(uintptr(unsafe.Pointer(e.shared)))
}

// subscribed gives an exchange that is to wait for events of an empty store, and its
// address.
func subscribed(t *testing.T) (*exchange, uint64) {
	t.Helper()
	r := openOptionsOf([]byte("file:" + filepath.Join(t.TempDir(), "store") + "\x00\x00\x000")).open(t.Context())
	if r.err != nil {
		t.Fatal(r.err)
	}
	connection := connections.add(r.opened)
	t.Cleanup(func() { forget(connection) })
	e, address := unknown(t)
	set(&e.shared.connection, connection)
	e.shared.method = subscribe
	return e, address
}

func TestExchangeOfAConnectionThatIsNoMore(t *testing.T) {
	write := received(t)
	e, address := unknown(t)
	write([2]uint64{room, 1 << 60}, [2]uint64{cancel, 1 << 60}, [2]uint64{drop, 1 << 60}, [2]uint64{start, address})
	until(t, released(e))
	if got := given(e); len(got) != 1 || got[0].kind != kindCancelled {
		t.Errorf("got %+v", got)
	}
}

func TestCancelComesAfterTheStartThatIsBeforeIt(t *testing.T) {
	for _, verb := range []uint64{cancel, cancelAll, drop} {
		write := received(t)
		e, address := subscribed(t)
		write([2]uint64{start, address}, [2]uint64{verb, uint64(e.shared.id)})
		until(t, released(e))
		if got := given(e); len(got) != 1 || got[0].kind != kindCancelled {
			t.Errorf("verb %d: got %+v", verb, got)
		}
	}
}

func TestAllStreamsAreCancelledAndNoCalls(t *testing.T) {
	write := received(t)
	stream, _ := streamed(t)
	call := asked(t)
	call.call = seven
	last, address := unknown(t)
	later, _ := streamed(t)
	write([2]uint64{cancelAll, uint64(last.shared.id)}, [2]uint64{start, address})
	until(t, released(last))
	if stream.ctx.Err() == nil || call.ctx.Err() != nil || later.ctx.Err() != nil {
		t.Errorf("the stream: %v; the call: %v; a later stream: %v", stream.ctx.Err(), call.ctx.Err(), later.ctx.Err())
	}
	for _, e := range []*exchange{stream, call, later} {
		e.end()
	}
}
