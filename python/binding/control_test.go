//go:build cgo

package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"unsafe"
)

// Commands and a method of binding.h.
const (
	start     = 1
	resume    = 2
	cancel    = 3
	drop      = 4
	cancelAll = 5
	subscribe = 101
)

// newControlPipe returns a function that writes commands to a control pipe in one write.
func newControlPipe(t *testing.T) func(controls ...[2]uint64) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	go receiveControls(r)
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

// newUnstarted returns an exchange of an unknown connection that is not active yet, and
// its address.
func newUnstarted(t *testing.T) (*exchange, uint64) {
	t.Helper()
	e := newTestExchange(t)
	active.remove(uint64(e.shared.id))
	return e, uint64(uintptr(unsafe.Pointer(e.shared)))
}

// newSubscription returns an exchange that subscribes to an empty store and is not active
// yet, and its address.
func newSubscription(t *testing.T) (*exchange, uint64) {
	t.Helper()
	r := parseOpenOptions([]byte("file:" + filepath.Join(t.TempDir(), "store") + "\x00\x00\x00\x00")).open(t.Context())
	if r.err != nil {
		t.Fatal(r.err)
	}
	connection := connections.add(r.opened)
	t.Cleanup(func() { freeConnection(connection) })
	e, address := newUnstarted(t)
	set(&e.shared.connection, connection)
	e.shared.method = subscribe
	return e, address
}

func TestExchangeOfFreedConnectionIsCancelled(t *testing.T) {
	write := newControlPipe(t)
	e, address := newUnstarted(t)
	write([2]uint64{resume, 1 << 60}, [2]uint64{cancel, 1 << 60}, [2]uint64{drop, 1 << 60}, [2]uint64{start, address})
	waitFor(t, released(e))
	if got := takeAnswers(e); len(got) != 1 || got[0].kind != kindCancelled {
		t.Errorf("got %+v", got)
	}
}

func TestCancelAfterStartEndsExchange(t *testing.T) {
	for _, command := range []uint64{cancel, cancelAll, drop} {
		write := newControlPipe(t)
		e, address := newSubscription(t)
		write([2]uint64{start, address}, [2]uint64{command, uint64(e.shared.id)})
		waitFor(t, released(e))
		got := takeAnswers(e)
		if len(got) > 1 {
			got = got[1:] // it may have had a message before the command
		}
		if len(got) != 1 || got[0].kind != kindCancelled {
			t.Errorf("command %d: got %+v", command, got)
		}
	}
}

func TestCancelAllEndsStreamsButNotCalls(t *testing.T) {
	write := newControlPipe(t)
	stream, _ := newStream(t)
	call := newTestExchange(t)
	call.call = returnSeven
	last, address := newUnstarted(t)
	later, _ := newStream(t)
	write([2]uint64{cancelAll, uint64(last.shared.id)}, [2]uint64{start, address})
	waitFor(t, released(last))
	if stream.ctx.Err() == nil || call.ctx.Err() != nil || later.ctx.Err() != nil {
		t.Errorf("stream: %v; call: %v; later stream: %v", stream.ctx.Err(), call.ctx.Err(), later.ctx.Err())
	}
	for _, e := range []*exchange{stream, call, later} {
		e.end()
	}
}
