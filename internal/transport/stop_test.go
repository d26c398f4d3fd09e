package transport_test

import (
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"

	"github.com/umadb-go/umadb/internal/transport"
)

// drain starts GracefulStop and returns a channel that is closed when it returns.
func (r *running) drain() <-chan struct{} {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		r.server.GracefulStop()
	}()
	synctest.Wait()
	return stopped
}

func isDone(done <-chan struct{}) bool {
	synctest.Wait()
	select {
	case <-done:
		return true
	default:
		return false
	}
}

func TestGracefulStop(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		idle, c := r.connect(), r.connect()
		c.silent = true // the calls that it makes before it knows are accepted
		bidi := c.open(false, callFields(bidiEcho)...)
		inline := c.open(false, callFields(inlineEcho)...)
		c.received()
		stopped := r.drain()
		idle.wantClosed("NO_ERROR")
		if got, want := c.received().goAways, []string{"2147483647 NO_ERROR "}; !slices.Equal(got, want) {
			t.Fatalf("GOAWAY frames %q, want %q", got, want)
		}
		late := c.call(inlineEcho, []byte("late"))
		c.wantEcho(late, []byte("late"))

		c.frames(func(f *http2.Framer) { _ = f.WritePing(true, [8]byte{'d', 'r', 'a', 'i', 'n', 'i', 'n', 'g'}) })
		if got, want := c.received().goAways[1:], []string{"5 NO_ERROR "}; !slices.Equal(got, want) {
			t.Errorf("GOAWAY frames %q, want %q", got, want)
		}
		if a := c.answer(c.open(true, callFields(unaryEcho)...)); a.ended || a.reset != "" {
			t.Errorf("a call after the last: %s", a)
		}
		c.data(bidi, false, message([]byte("more")))
		c.data(inline, true, message([]byte("inline")))
		c.wantEcho(inline, []byte("inline"))
		if isDone(stopped) {
			t.Error("GracefulStop does not wait for calls")
		}
		c.data(bidi, true, message([]byte("last")))
		c.wantEcho(bidi, []byte("more"), []byte("last"))
		c.wantClosed("NO_ERROR")
		if !isDone(stopped) {
			t.Error("GracefulStop waits, although all calls have ended")
		}
	})
}

// What a client sends when everything was written must not reset the connection, since it
// may not have received everything.
func TestGracefulStopOfSlowClient(t *testing.T) {
	for name, secure := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			options, dial := func(*transport.Options) {}, func(address string) (net.Conn, error) { return net.Dial("tcp", address) }
			if secure {
				config, pool := certificate(t)
				options = func(o *transport.Options) { o.TLS = config }
				dial = func(address string) (net.Conn, error) { return dialTLS(address, pool, "h2") }
			}
			r := start(t, options)
			r.server.SetCloseTimeout(patience)
			dialled, err := dial(r.address)
			if err != nil {
				t.Fatal(err)
			}
			defer dialled.Close()
			c := newFrameClient(t, dialled)
			c.begin(initialWindow(1 << 20))
			c.window(0, 1<<20)
			id := c.call(countDown, []byte("10 40000"))
			if !r.handler.await(func(c counts) bool { return c.released == 1 }) {
				t.Fatal("the call does not end")
			}
			stopped := make(chan struct{})
			go func() {
				defer close(stopped)
				r.server.GracefulStop()
			}()
			c.frames(func(f *http2.Framer) { _ = f.WritePing(true, [8]byte{'d', 'r', 'a', 'i', 'n', 'i', 'n', 'g'}) })
			for range 2000 {
				c.window(id, 1)
			}
			c.read()
			dialled.Close()
			<-stopped
			c.mu.Lock()
			defer c.mu.Unlock()
			if a := c.seen.answers[id]; a == nil || len(a.data) != 10*40005 || !a.ended {
				t.Errorf("answer %s", a)
			}
			if got := c.seen.goAways; len(got) != 2 {
				t.Errorf("GOAWAY frames %q", got)
			}
		})
	}
}

// A client that does not close a drained connection delays GracefulStop only for a moment.
func TestGracefulStopOfClientThatDoesNotClose(t *testing.T) {
	r := start(t)
	dialled, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	defer dialled.Close()
	c := newFrameClient(t, dialled)
	c.begin()
	c.readSettings()
	go c.read()
	r.server.GracefulStop()
}

// The goroutine of a call that the client has reset is waited for.
func TestGracefulStopWaitsForHandlers(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		release := make(chan struct{})
		r.handler.serve = func(*transport.Stream) error { <-release; return nil }
		c := r.connect()
		id := c.call(unaryEcho, nil)
		c.received()
		c.reset(id)
		stopped := r.drain()
		if isDone(stopped) || c.received().closed {
			t.Error("GracefulStop does not wait for the handler")
		}
		close(release)
		if !isDone(stopped) {
			t.Error("GracefulStop waits, although the handler has returned")
		}
	})
}

func TestGracefulStopOfManyClientsThatDoNotRead(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		for range 10 {
			c := r.dial()
			go c.begin()
			c.readSettings()
			c.call(never, nil)
			defer c.conn.Close()
		}
		idle := r.connect()
		synctest.Wait()
		r.drain()
		idle.wantClosed("NO_ERROR")
	})
}

func TestGracefulStopDuringHandshake(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		c := r.dial()
		synctest.Wait()
		if stopped := r.drain(); !isDone(stopped) {
			t.Error("GracefulStop waits for a client that sends nothing")
		}
		_, _ = c.conn.Write([]byte(http2.ClientPreface))
	})
}

func TestStopEndsGracefulStop(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		c := r.connect()
		c.call(never, nil)
		c.call(inlineNever, nil)
		stopped := r.drain()
		if isDone(stopped) {
			t.Error("GracefulStop does not wait for calls")
		}
		r.server.Stop()
		if !isDone(stopped) {
			t.Error("GracefulStop waits after Stop")
		}
		if !c.received().closed {
			t.Error("the connection is open after Stop")
		}
		if err := r.server.Serve(newPipeListener()); err != nil {
			t.Errorf("Serve after Stop: %v", err)
		}
	})
}

// Stop may be called at any time, also while a connection is accepted.
func TestStopWhileConnectionsArrive(t *testing.T) {
	for range 20 {
		r := start(t)
		var clients sync.WaitGroup
		for range 4 {
			clients.Go(func() {
				for {
					conn, err := net.Dial("tcp", r.address)
					if err != nil {
						return
					}
					_ = conn.Close()
				}
			})
		}
		clients.Go(r.server.GracefulStop)
		clients.Wait()
		r.stop()
	}
}

// failingListener fails once with a temporary error, and then with another.
type failingListener struct {
	pipeListener
	failures int
}

type temporaryError struct{}

func (temporaryError) Error() string   { return "too many open files" }
func (temporaryError) Temporary() bool { return true }

func (l *failingListener) Accept() (net.Conn, error) {
	if l.failures++; l.failures < 20 {
		return nil, temporaryError{}
	}
	return nil, errors.New("broken")
}

func TestServeOfFailingListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := transport.NewServer(newHandler(), testOptions())
		defer server.Stop()
		began := time.Now()
		listener := &failingListener{pipeListener: *newPipeListener()}
		err := server.Serve(listener)
		if err == nil || !strings.Contains(err.Error(), "broken") || listener.failures != 20 {
			t.Errorf("Serve: %v after %d errors", err, listener.failures)
		}
		if waited := time.Since(began); waited < time.Second || waited > time.Minute {
			t.Errorf("Serve has waited %v", waited)
		}
	})
}

func TestHandshake(t *testing.T) {
	preface := []byte(http2.ClientPreface)
	for name, first := range map[string]func(c *frameClient){
		"HTTP/1.1": func(c *frameClient) { _, _ = c.Write([]byte("GET / HTTP/1.1\r\nHost: test\r\n\r\n")) },
		"no settings": func(c *frameClient) {
			_, _ = c.Write(preface)
			c.ping(1)
		},
		"error of a stream": func(c *frameClient) {
			_, _ = c.Write(preface)
			c.window(1, 0)
		},
		"acknowledgement": func(c *frameClient) {
			_, _ = c.Write(preface)
			c.frames(func(f *http2.Framer) { _ = f.WriteSettingsAck() })
		},
		"invalid settings": func(c *frameClient) {
			_, _ = c.Write(preface)
			c.settings(http2.Setting{ID: http2.SettingEnablePush, Val: 2})
		},
		"close": func(c *frameClient) { _ = c.conn.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *running) {
				c := r.dial()
				go c.read()
				first(c)
				synctest.Wait()
				if usage := r.server.Usage(); usage != (transport.Usage{}) {
					t.Errorf("in use: %+v", usage)
				}
			})
		})
	}
	t.Run("settings", func(t *testing.T) {
		bubble(t, func(t *testing.T, r *running) {
			got := r.connect().received()
			want := []http2.Setting{
				{ID: http2.SettingMaxConcurrentStreams, Val: 20},
				{ID: http2.SettingInitialWindowSize, Val: 64 << 10},
				{ID: http2.SettingMaxHeaderListSize, Val: 8 << 10},
			}
			if !slices.Equal(got.settings, want) || got.acks != 1 || got.credit[0] != 256<<10-(1<<16-1) {
				t.Errorf("settings %v, %d acknowledged, window enlarged by %d", got.settings, got.acks, got.credit[0])
			}
		})
	})
}

func TestGracefulStopOfClientThatDoesNotAcknowledge(t *testing.T) {
	bubble(t, func(t *testing.T, r *running) {
		c := r.connect()
		c.silent = true
		stopped := r.drain()
		for range 3 { // frames, so that it is not dead
			elapse(8 * time.Second)
			c.frames(func(f *http2.Framer) { _ = f.WritePriority(1, http2.PriorityParam{Weight: 1}) })
		}
		if !isDone(stopped) {
			t.Error("GracefulStop still waits after 24 s")
		}
	})
}
