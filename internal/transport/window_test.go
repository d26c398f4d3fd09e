package transport_test

import (
	"bytes"
	"strconv"
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"

	"github.com/umadb-go/umadb/internal/transport"
)

func initialWindow(bytes uint32) http2.Setting {
	return http2.Setting{ID: http2.SettingInitialWindowSize, Val: bytes}
}

// grow starts a call whose answer has a number of bytes: inline, or one that is served.
func (c *frameClient) grow(method string, size int) uint32 {
	request := strconv.Itoa(size)
	if method == countDown {
		request = "1 " + request
	}
	return c.call(method, []byte(request))
}

func TestWindows(t *testing.T) {
	for _, method := range []string{inlineGrow, countDown} {
		t.Run(method, func(t *testing.T) {
			t.Run("zero", func(t *testing.T) {
				bubble(t, func(t *testing.T, r *running) {
					c := r.connect(initialWindow(0))
					for _, size := range []int{0, 100} {
						id := c.grow(method, size)
						if a := c.answer(id); len(a.data) > 0 || a.ended {
							t.Errorf("without a window: %s", a)
						}
						c.window(id, uint32(5+size))
						c.wantEcho(id, content(size))
					}
				})
			})
			t.Run("byte by byte", func(t *testing.T) {
				bubble(t, func(t *testing.T, r *running) {
					c := r.connect(initialWindow(1))
					id := c.grow(method, 20)
					for sent := 1; sent < 25; sent++ {
						if a := c.answer(id); len(a.data) != sent || a.ended {
							t.Fatalf("with a window of %d bytes: %s", sent, a)
						}
						c.window(id, 1)
					}
					c.wantEcho(id, content(20))
				})
			})
			t.Run("settings", func(t *testing.T) {
				bubble(t, func(t *testing.T, r *running) {
					c := r.connect(initialWindow(50))
					id := c.grow(method, 100)
					c.answer(id)
					c.settings(initialWindow(10)) // the window is -40
					c.window(id, 40)
					if a := c.answer(id); len(a.data) > 50 || a.ended {
						t.Errorf("with a window of 0: %s", a)
					}
					c.window(id, 5)
					c.settings(initialWindow(60))
					c.wantEcho(id, content(100))
				})
			})
			t.Run("connection", func(t *testing.T) {
				bubble(t, func(t *testing.T, r *running) {
					c := r.connect(initialWindow(1 << 20))
					ids := []uint32{c.grow(method, 50000), c.grow(method, 50000), c.grow(method, 50000)}
					total := 0
					for _, id := range ids {
						total += len(c.answer(id).data)
					}
					if total != 1<<16-1 {
						t.Errorf("%d bytes were sent", total)
					}
					c.window(0, 3*50005-(1<<16-1)-1)
					c.received()
					c.window(0, 1)
					for _, id := range ids {
						c.wantEcho(id, content(50000))
					}
				})
			})
			t.Run("another call", func(t *testing.T) {
				bubble(t, func(t *testing.T, r *running) {
					c := r.connect(initialWindow(0))
					first, second := c.grow(method, 10), c.grow(method, 10)
					c.window(second, 15)
					c.wantEcho(second, content(10))
					c.window(first, 15)
					c.wantEcho(first, content(10))
				})
			})
			t.Run("reset", func(t *testing.T) {
				bubble(t, func(t *testing.T, r *running) {
					c := r.connect(initialWindow(0))
					waiting := c.grow(method, 10)
					for range 100 {
						c.reset(c.grow(method, 10))
						c.received()
					}
					if usage := r.server.Usage(); usage.Streams != 1 || usage.Blocked > 1 {
						t.Errorf("in use: %+v", usage)
					}
					c.reset(waiting)
					r.settled()
				})
			})
			t.Run("large answer", func(t *testing.T) {
				bubble(t, func(t *testing.T, r *running) {
					c := r.connect(initialWindow(1<<31 - 1))
					c.window(0, 2<<20)
					for _, size := range []int{16<<10 - 5, 16<<10 - 4, 16 << 10, 1 << 20} {
						c.wantEcho(c.grow(method, size), content(size))
					}
					r.settled()
				})
			})
		})
	}
}

func TestWindowOverflows(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		c := r.connect()
		id := c.call(never, nil)
		c.window(id, 1<<31-1)
		c.wantStatus(id, "FLOW_CONTROL_ERROR")
		c.wantEcho(c.call(inlineEcho, []byte("still works")), []byte("still works"))
		id = c.call(never, nil)
		c.window(id, 1<<31-1-(1<<16-1)) // the largest window
		c.settings(initialWindow(1 << 16))
		c.wantClosed("FLOW_CONTROL_ERROR")
	})
	bubble(t, func(t *testing.T, r *running) {
		c := r.connect()
		c.window(0, 1<<31-1)
		c.wantClosed("FLOW_CONTROL_ERROR")
	})
}

func TestClientSendsMoreThanItsWindow(t *testing.T) {
	for _, method := range []string{inlineEcho, never} {
		bubble(t, func(t *testing.T, r *running) {
			c := r.connect()
			id := c.open(false, callFields(method)...)
			c.data(id, false, make([]byte, 64<<10))
			if a := c.answer(id); method == never && a.reset != "" {
				t.Errorf("within the window: %s", a)
			}
			id = c.open(false, callFields(never)...)
			c.data(id, false, make([]byte, 64<<10))
			c.data(id, false, make([]byte, 1))
			c.wantStatus(id, "FLOW_CONTROL_ERROR")
			c.wantEcho(c.call(inlineEcho, []byte("still works")), []byte("still works"))
		})
	}
}

// A client that pads may use its window before a small request is whole.
func TestPaddingIsAddedToTheWindowAgain(t *testing.T) {
	for _, method := range []string{inlineEcho, unaryEcho} {
		t.Run(method, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *running) {
				c := r.connect()
				request := content(1000)
				id := c.open(false, callFields(method)...)
				window := 64 << 10
				body := message(request)
				for i := range body {
					if window -= 257; window < 0 {
						t.Fatalf("the window is used after %d bytes", i)
					}
					c.padded(id, i == len(body)-1, body[i:i+1], 255)
					if i%50 == 0 {
						window += c.received().credit[id]
						c.mu.Lock()
						c.seen.credit[id] = 0
						c.mu.Unlock()
					}
				}
				c.wantEcho(id, request)
			})
		})
	}
}

// A handler that is always a little late must not make the buffer grow.
func TestBufferOfRequestIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		step, size := make(chan struct{}), 0
		r.handler.serve = func(s *transport.Stream) error {
			for range step {
				if err := s.Fill(make([]byte, 1<<10)); err != nil {
					return err
				}
			}
			size = s.BufferedCapacity()
			return nil
		}
		c := r.connect()
		id := c.open(false, callFields(unaryEcho)...)
		c.data(id, false, content(1<<10))
		for range 1000 {
			c.data(id, false, content(1<<10))
			synctest.Wait()
			step <- struct{}{}
		}
		close(step)
		c.wantStatus(id, "0")
		if size > 128<<10 {
			t.Errorf("the buffer has %d bytes", size)
		}
	})
}

func TestWindowOfConnectionIsRenewed(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		c := r.connect(initialWindow(1 << 30))
		c.window(0, 1<<30)
		request := content(60 << 10)
		for range 50 {
			id := c.call(unaryEcho, request)
			if !bytes.Equal(c.answer(id).data, message(request)) {
				t.Fatal(c.answer(id))
			}
		}
		sent := 50 * (60<<10 + 5)
		if got := c.received().credit[0]; got < sent-(256<<10)/4+(256<<10)-(1<<16-1) {
			t.Errorf("%d bytes were sent, the window was enlarged by %d", sent, got)
		}
	})
}
