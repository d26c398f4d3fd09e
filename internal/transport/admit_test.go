package transport_test

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/internal/transport"
)

func TestRefusedByAdmit(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		r.handler.admit = func(*transport.Stream) error { return status.Error(codes.Unauthenticated, "no key") }
		c := r.connect()
		for _, method := range []string{inlineEcho, unaryEcho} {
			id := c.call(method, []byte("request"))
			c.wantStatus(id, "16")
			if got := c.answer(id).field("grpc-message"); got != "no key" {
				t.Errorf("message %q", got)
			}
		}
		if got := r.handler.now(); got != (counts{}) {
			t.Errorf("calls: %+v", got)
		}
	})
}

func TestCallThatEndsDuringAdmit(t *testing.T) {
	for _, method := range []string{inlineEcho, unaryEcho} {
		t.Run(method, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *running) {
				ended := make(chan struct{})
				r.handler.admit = func(s *transport.Stream) error {
					s.OnCancel(func() { close(ended) })
					go r.server.Stop()
					<-ended
					return nil
				}
				r.connect().call(method, []byte("request"))
				r.settled()
				if got := r.handler.now(); got != (counts{admitted: 1, released: 1}) {
					t.Errorf("calls: %+v", got)
				}
			})
		})
	}
}

func TestCallThatEndsDuringBegin(t *testing.T) {
	for method, want := range map[string]counts{
		inlineEcho:  {admitted: 1, started: 1, released: 1},
		laterEcho:   {admitted: 1, started: 1, released: 1},
		inlineNever: {admitted: 1, started: 1, released: 1, cancelled: 1},
		declined:    {admitted: 1, released: 1},
	} {
		t.Run(method, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *running) {
				ended := make(chan struct{})
				r.handler.begin = func(s *transport.Stream) {
					s.OnCancel(func() { close(ended) })
					go r.server.Stop()
					<-ended
				}
				r.connect().call(method, []byte("request"))
				r.settled()
				if got := r.handler.now(); got != want {
					t.Errorf("calls: %+v, want %+v", got, want)
				}
			})
		})
	}
}

func TestOnCancel(t *testing.T) {
	t.Run("a reset call is cancelled once", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *running) {
			c := r.connect()
			id := c.call(inlineNever, nil)
			c.received()
			c.reset(id)
			r.settled()
			r.server.Cancel()
			r.settled()
			if got := r.handler.now(); got.cancelled != 1 {
				t.Errorf("calls: %+v", got)
			}
		})
	})
	t.Run("Cancel", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *running) {
			c := r.connect()
			served := c.open(false, callFields(never)...)
			for range 3 {
				c.call(inlineNever, nil)
			}
			c.received()
			r.server.Cancel()
			c.received()
			if got := r.handler.now(); got.cancelled != 3 || got.inUse != 1 {
				t.Errorf("calls: %+v", got)
			}
			c.reset(served)
		})
	})
	t.Run("an answered call is not cancelled", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *running) {
			cancelled := make(chan string, 10)
			r.handler.begin = func(s *transport.Stream) {
				s.OnCancel(func() { cancelled <- "set before the answer" })
			}
			r.handler.answered = func(s *transport.Stream) {
				s.OnCancel(func() { cancelled <- "set after the answer" })
			}
			c := r.connect()
			c.wantEcho(c.call(inlineEcho, nil), nil)
			r.server.Cancel()
			c.conn.Close()
			r.settled()
			if len(cancelled) > 0 {
				t.Errorf("cancelled: %s", <-cancelled)
			}
		})
	})
}

func TestCallsInEachPhaseEndWithTheConnection(t *testing.T) {
	for _, end := range []string{"Stop", "close"} {
		t.Run(end, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *running) {
				c := r.connect()
				c.open(false, callFields(inlineEcho)...) // admitted
				half := c.open(false, callFields(inlineEcho)...)
				c.data(half, false, message([]byte("half"))[:6])
				c.call(inlineNever, nil)
				c.call(never, nil)
				c.open(false, callFields(bidiEcho)...)
				c.received()
				if got, want := r.handler.now(), (counts{admitted: 5, started: 1, served: 2, inUse: 5}); got != want {
					t.Errorf("calls: %+v, want %+v", got, want)
				}
				if end == "Stop" {
					r.server.Stop()
				} else {
					c.conn.Close()
				}
				r.settled()
				if got, want := r.handler.now(), (counts{admitted: 5, started: 1, served: 2, released: 5, cancelled: 1}); got != want {
					t.Errorf("calls: %+v, want %+v", got, want)
				}
			})
		})
	}
}
