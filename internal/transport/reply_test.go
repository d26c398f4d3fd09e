package transport_test

import (
	"slices"
	"sync"
	"testing"

	"google.golang.org/grpc/metadata"

	"github.com/umadb-go/umadb/internal/transport"
)

// Reply and Fail do not wait for a connection that is busy: their caller has calls of other
// connections to answer.
func TestReplyDoesNotWait(t *testing.T) {
	for name, answer := range map[string]struct {
		with   func(*transport.Stream)
		status string
	}{
		"Reply": {func(s *transport.Stream) { s.Reply([]byte("answer")) }, "0"},
		"Fail":  {func(s *transport.Stream) { s.Fail(failure(), nil) }, "9"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *running) {
				var started sync.Map
				r.handler.begin = func(s *transport.Stream) { started.Store("stream", s) }
				c := r.connect()
				id := c.call(inlineNever, nil)
				c.received()
				found, _ := started.Load("stream")
				s := found.(*transport.Stream)
				s.State.(*state).move(working, answered)
				s.WhileLocked(func() { answer.with(s) })
				c.wantStatus(id, answer.status)
				r.settled()
			})
		})
	}
}

// An inline call is answered with the trailer that was set, also if its answer waits for a window.
func TestReplyWithATrailer(t *testing.T) {
	for name, window := range map[string]uint32{"at once": 100, "after the window has grown": 0} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *running) {
				r.handler.begin = func(s *transport.Stream) { s.SetTrailer(metadata.Pairs("name", "value")) }
				c := r.connect(initialWindow(window))
				id := c.call(inlineEcho, []byte("answer"))
				if c.received(); window == 0 {
					c.window(id, 100)
				}
				c.wantEcho(id, []byte("answer"))
				if got := c.answer(id).trailer["name"]; !slices.Equal(got, []string{"value"}) {
					t.Errorf("trailer %q", got)
				}
			})
		})
	}
}
