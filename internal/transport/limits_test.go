package transport_test

import (
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"

	"github.com/umadb-go/umadb/internal/transport"
)

// readSettings reads until the settings were acknowledged, and no further.
func (c *frameClient) readSettings() {
	reader := http2.NewFramer(nil, c.conn)
	for {
		frame, err := reader.ReadFrame()
		if err != nil {
			c.t.Fatalf("settings: %v", err)
		}
		if f, ok := frame.(*http2.SettingsFrame); ok && f.IsAck() {
			return
		}
	}
}

// A client that does not read, while a goroutine other than that of the connection waits
// to write, must not make the output grow.
func TestFloodsOfClientThatDoesNotRead(t *testing.T) {
	floods := map[string]func(c *frameClient){
		"settings":               func(c *frameClient) { c.settings() },
		"window updates of zero": func(c *frameClient) { c.window(1, 0) },
		"data of ended calls":    func(c *frameClient) { c.data(1, false, nil) },
		"malformed headers":      func(c *frameClient) { c.open(true, ":method", "POST", "UPPER", "case") },
		"refused headers":        func(c *frameClient) { c.open(true, ":method", "GET", ":scheme", "http", ":path", "/") },
		"answered calls":         func(c *frameClient) { c.call(inlineEcho, nil) },
		"failed calls":           func(c *frameClient) { c.call(inlineFail, nil) },
		"resets":                 func(c *frameClient) { c.reset(c.call(unaryEcho, nil)) },
		"more calls than allowed": func(c *frameClient) {
			c.open(false, callFields(bidiEcho)...)
		},
	}
	for name, flood := range floods {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *running) {
				c := r.dial()
				go c.begin()
				c.readSettings()
				c.call(unaryEcho, []byte("request"))
				synctest.Wait() // a goroutine waits to write the answer
				end := make(chan struct{})
				go func() {
					defer close(end)
					for range 20000 {
						flood(c)
					}
				}()
				synctest.Wait()
				if usage := r.server.Usage(); usage.Output > 40<<10 {
					t.Errorf("the output has %d bytes", usage.Output)
				}
				c.conn.Close()
				<-end
				synctest.Wait()
				if usage := r.server.Usage(); usage != (transport.Usage{}) {
					t.Errorf("the client is gone, in use: %+v", usage)
				}
			})
		})
	}
}

func TestMaxStreams(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		c := r.connect()
		most := int(r.options.MaxStreams)
		var ids []uint32
		for i := range most {
			method := []string{never, inlineNever, inlineEcho}[i%3]
			id := c.open(false, callFields(method)...)
			if method == inlineNever {
				c.data(id, true, message(nil))
			}
			ids = append(ids, id)
		}
		for _, id := range ids {
			if a := c.answer(id); a.reset != "" || a.ended {
				t.Fatalf("of %d calls: %s", most, a)
			}
		}
		c.wantStatus(c.call(inlineEcho, nil), "REFUSED_STREAM")
		for _, id := range ids[:3] {
			c.reset(id)
			c.received()
			c.wantEcho(c.call(inlineEcho, nil), nil)
		}
	})
}

// The goroutines of served calls count until they end.
func TestMaxStreamsWithHandlersThatDoNotEnd(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		release := make(chan struct{})
		r.handler.serve = func(*transport.Stream) error { <-release; return nil }
		c := r.connect()
		for range r.options.MaxStreams {
			id := c.open(false, callFields(unaryEcho)...)
			c.received()
			c.reset(id)
		}
		c.wantStatus(c.call(unaryEcho, nil), "REFUSED_STREAM")
		if got := r.handler.now().served; got != int(r.options.MaxStreams) {
			t.Errorf("%d calls are served", got)
		}
		close(release)
		r.settled()
		c.wantStatus(c.call(unaryEcho, nil), "0")
	})
}
