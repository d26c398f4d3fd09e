package server_test

import (
	"testing"

	"golang.org/x/net/http2"

	"github.com/umadb-go/umadb/internal/server"
	umadbv1 "github.com/umadb-go/umadb/proto/umadb/v1"
)

// A client may reset a call after its handler has returned and while a part of a message is
// written. The transport then drops the message, and its memory is released although the
// connection stays open.
func TestResetOfHalfWrittenMessageReleasesItsMemory(t *testing.T) {
	store := newMemoryStore()
	r := start(t, store, server.Options{})
	event := &umadbv1.Event{EventType: "Large", Data: make([]byte, 20<<10)}
	if _, err := r.client(t).Append(within(t, patience), &umadbv1.AppendRequest{Events: []*umadbv1.Event{event}}); err != nil {
		t.Fatal(err)
	}
	for _, window := range []uint32{0, 100, 10_000} {
		c := r.frames(t, window)
		for range 4 {
			id := c.call(umadbv1.DCB_Read_FullMethodName, framed(nil), true)
			eventually(t, "the message is sent", func() bool { return r.ResponsesUsed() > 20<<10 && c.received(id) >= int(window) })
			c.must(c.framer.WriteRSTStream(id, http2.ErrCodeCancel))
			eventually(t, "the memory of the message is released", func() bool { return r.ResponsesUsed() == 0 })
			eventually(t, "the memory of the call is released", func() bool { return r.CallsUsed() == 0 })
		}
	}
}
