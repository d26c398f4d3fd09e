package transport_test

import (
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"

	"github.com/umadb-go/umadb/internal/transport"
)

// elapse lets time pass, and waits until nothing happens any longer.
func elapse(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestSilentClientIsPingedAndClosed(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		c := r.connect()
		c.silent = true
		c.call(never, nil)
		elapse(14 * time.Second)
		if got := c.received(); got.pings != 0 {
			t.Error("pinged too early")
		}
		elapse(3 * time.Second)
		if got := c.received(); got.pings != 1 || got.closed {
			t.Errorf("after 17 s: %d pings, closed %v", got.pings, got.closed)
		}
		elapse(16 * time.Second)
		if got := c.received(); got.pings != 1 || got.closed {
			t.Errorf("after 33 s: %d pings, closed %v", got.pings, got.closed)
		}
		elapse(5 * time.Second)
		if got := c.received(); !got.closed {
			t.Error("after 38 s the connection is open")
		}
		r.settled()
	})
}

func TestClientThatAnswersPingsIsNotClosed(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		c := r.connect()
		elapse(10 * time.Minute)
		if got := c.received(); got.closed || got.pings < 30 || got.pings > 40 {
			t.Errorf("%d pings, closed %v", got.pings, got.closed)
		}
		c.wantEcho(c.call(inlineEcho, []byte("alive")), []byte("alive"))
	})
}

func TestClientThatSendsIsNotPinged(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		c := r.connect()
		c.silent = true
		for range 20 {
			elapse(10 * time.Second)
			c.window(0, 1)
		}
		if got := c.received(); got.closed || got.pings != 0 {
			t.Errorf("%d pings, closed %v", got.pings, got.closed)
		}
		elapse(17 * time.Second) // pinged
		c.window(0, 1)           // any frame is an answer
		elapse(17 * time.Second)
		if got := c.received(); got.closed || got.pings != 2 {
			t.Errorf("%d pings, closed %v", got.pings, got.closed)
		}
	})
}

func TestClientThatDoesNotReadIsClosed(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		c := r.dial()
		go c.begin()
		c.readSettings()
		c.call(unaryEcho, []byte("request"))
		elapse(40 * time.Second)
		if usage := r.server.Usage(); usage != (transport.Usage{}) {
			t.Errorf("in use: %+v", usage)
		}
	})
}

func TestEarlyPingsAreRefused(t *testing.T) {
	t.Run("flood", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *running) {
			c := r.connect()
			for range 5 {
				c.ping(1)
			}
			c.wantClosed("ENHANCE_YOUR_CALM")
			if got := c.received(); got.goAways[0] != "0 ENHANCE_YOUR_CALM too_many_pings" {
				t.Errorf("GOAWAY %q", got.goAways)
			}
		})
	})
	t.Run("in time", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *running) {
			c := r.connect()
			for range 100 {
				c.ping(1)
				elapse(2 * time.Second)
			}
			if got := c.received(); got.closed || got.pongs != 100 {
				t.Errorf("%d pings were answered, closed %v", got.pongs, got.closed)
			}
		})
	})
	t.Run("after answers", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *running) {
			c := r.connect()
			for range 100 {
				c.wantEcho(c.call(inlineEcho, nil), nil)
				c.ping(1)
			}
			if got := c.received(); got.closed || got.pongs != 100 {
				t.Errorf("%d pings were answered, closed %v", got.pongs, got.closed)
			}
		})
	})
}

func TestHandshakeTimeout(t *testing.T) {
	for name, send := range map[string]func(c *frameClient){
		"nothing":     func(*frameClient) {},
		"part":        func(c *frameClient) { _, _ = c.Write([]byte(http2.ClientPreface)[:10]) },
		"no settings": func(c *frameClient) { _, _ = c.Write([]byte(http2.ClientPreface)) },
	} {
		for _, reads := range []bool{true, false} {
			if name != "nothing" && !reads {
				continue
			}
			t.Run(name, func(t *testing.T) {
				bubble(t, func(t *testing.T, r *running) {
					c := r.dial()
					if reads {
						go c.read()
					}
					send(c)
					elapse(9 * time.Second)
					if usage := r.server.Usage(); usage.Conns != 1 {
						t.Error("closed too early")
					}
					elapse(2 * time.Second)
					if usage := r.server.Usage(); usage != (transport.Usage{}) {
						t.Errorf("in use: %+v", usage)
					}
				})
			})
		}
	}
	t.Run("finished", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *running) {
			c := r.connect()
			elapse(12 * time.Second)
			c.wantEcho(c.call(inlineEcho, nil), nil)
		})
	})
}

func TestDeadlines(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		c := r.connect()
		waiting := c.call(never, nil, "grpc-timeout", "3S")
		half := c.open(false, callFields(inlineEcho, "grpc-timeout", "3S")...)
		served := c.open(false, callFields(bidiEcho, "grpc-timeout", "3S")...)
		elapse(2 * time.Second)
		for _, id := range []uint32{waiting, half, served} {
			if a := c.answer(id); a.ended || a.reset != "" {
				t.Errorf("before its deadline: %s", a)
			}
		}
		elapse(2 * time.Second)
		c.wantStatus(waiting, "4")
		c.wantStatus(served, "4")
		c.data(half, true, message(nil))
		c.wantStatus(half, "4")
		none := c.open(false, callFields(inlineEcho, "grpc-timeout", "0n")...)
		servedNone := c.call(never, nil, "grpc-timeout", "0n")
		elapse(time.Nanosecond)
		c.data(none, true, message(nil))
		c.wantStatus(none, "4")
		c.wantStatus(servedNone, "4")
		r.settled()
	})
}

func TestDeadlineOfInlineCall(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		deadlines := make(chan time.Time, 1)
		r.handler.begin = func(s *transport.Stream) { deadlines <- s.Deadline() }
		c := r.connect()
		c.call(inlineEcho, nil)
		c.received()
		if d := <-deadlines; !d.IsZero() {
			t.Errorf("without a timeout the deadline is %v", d)
		}
		c.call(inlineEcho, nil, "grpc-timeout", "1500m")
		c.received()
		if d := <-deadlines; !d.Equal(time.Now().Add(1500 * time.Millisecond)) {
			t.Errorf("the deadline is in %v", time.Until(d))
		}
	})
}
