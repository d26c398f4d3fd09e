package grpcclient_test

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/test/bufconn"

	"github.com/umadb-go/umadb/internal/grpcclient"
	"github.com/umadb-go/umadb/internal/servertest"
)

func TestReasonOfFailedAttempt(t *testing.T) {
	closing := func(conn net.Conn) { conn.Close() }
	const silent = "the server does not respond"
	for name, row := range map[string]struct {
		serve func(net.Conn)
		tls   bool
		want  string // the start of the message
	}{
		"closes the connection":       {closing, false, "no answer in HTTP/2: "},
		"responds in HTTP/1.1":        {func(conn net.Conn) { io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n") }, false, "no answer in HTTP/2: "},
		"responds in another one":     {func(conn net.Conn) { io.WriteString(conn, "SSH-2.0-OpenSSH_9.9\r\n") }, false, "no answer in HTTP/2: "},
		"starts with another frame":   {func(conn net.Conn) { http2.NewFramer(conn, nil).WritePing(false, [8]byte{}) }, false, "no answer in HTTP/2: the first frame is PING"},
		"sends nothing":               {func(net.Conn) {}, false, silent},
		"sends nothing, with TLS":     {func(net.Conn) {}, true, silent},
		"closes during TLS handshake": {closing, true, "the TLS handshake failed: "},
		"has no TLS":                  {func(conn net.Conn) { io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n") }, true, "the TLS handshake failed: tls: first record does not look like a TLS handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			go func() {
				for {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					defer conn.Close()
					row.serve(conn)
				}
			}()
			files, err := servertest.WriteCertificate(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			c := open(t, listener.Addr().String(), func(o *grpcclient.Options) {
				if row.want == silent {
					o.ConnectTimeout = 300 * time.Millisecond
					o.Dial = func(_ context.Context, address string) (net.Conn, error) { return net.Dial("tcp", address) } // however long it takes
				}
				if row.tls {
					o.TLS = clientTLS(t, files)
				}
			})
			if err := c.Connect(within(t, patience)); err == nil || !strings.HasPrefix(err.Error(), row.want) {
				t.Errorf("the reason is %v", err)
			}
			_, err = call(t, within(t, patience), c, echo, "")
			if failed := failureOf(t, err); failed.Code != codes.Unavailable || !failed.NotProcessed || !strings.HasPrefix(failed.Message, row.want) {
				t.Errorf("a call fails with %+v", failed)
			}
		})
	}
	refusing := open(t, servertest.Address(t), nil)
	if err := refusing.Connect(within(t, patience)); err == nil || err.Error() != "connection refused" {
		t.Errorf("no listener: %v", err)
	}
	unknown := open(t, "nowhere.invalid:1", nil)
	if err := unknown.Connect(within(t, patience)); err == nil || !strings.HasPrefix(err.Error(), "lookup nowhere.invalid") {
		t.Errorf("an unknown host: %v", err)
	}
}

// attempts counts attempts to connect, which fail until there is a listener.
type attempts struct {
	mu       sync.Mutex
	times    []time.Time       // guarded by mu
	listener *bufconn.Listener // guarded by mu
}

func (a *attempts) dial(ctx context.Context, _ string) (net.Conn, error) {
	a.mu.Lock()
	a.times = append(a.times, time.Now())
	listener := a.listener
	a.mu.Unlock()
	if listener == nil {
		return nil, errors.New("no listener")
	}
	return listener.DialContext(ctx)
}

// all returns when the attempts were made.
func (a *attempts) all() []time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.times)
}

// listen sets the listener, which may be nil.
func (a *attempts) listen(listener *bufconn.Listener) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.listener = listener
}

// serveMemory serves with grpc-go, in memory.
func (a *attempts) serve(t *testing.T, options ...grpc.ServerOption) {
	listener := bufconn.Listen(1 << 20)
	a.listen(listener)
	s := grpc.NewServer(append(options, grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		return new(served).serve(echo, stream)
	}))...)
	go s.Serve(listener)
	t.Cleanup(s.Stop)
}

// inBubble runs a test with a fake clock, and with a Conn without a server.
func inBubble(t *testing.T, change func(*grpcclient.Options), test func(*testing.T, *attempts, *grpcclient.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		a := new(attempts)
		c := open(t, "memory:1", func(o *grpcclient.Options) {
			o.Dial = a.dial
			if change != nil {
				change(o)
			}
		})
		test(t, a, c)
	})
}

func TestAttemptsAreRepeatedAfterDelays(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, a *attempts, c *grpcclient.Conn) {
		started := time.Now()
		_, err := call(t, t.Context(), c, echo, "")
		if failureOf(t, err).Message != "no listener" || time.Since(started) > 0 {
			t.Errorf("after %v: %v", time.Since(started), err)
		}
		time.Sleep(20 * time.Second)
		want := 100 * time.Millisecond
		times := a.all()
		for i := 1; i < len(times); i++ {
			if delay := times[i].Sub(times[i-1]); delay < want*79/100 || delay > want*121/100 {
				t.Errorf("delay %d is %v, want about %v", i, delay, want)
			}
			want = min(want*16/10, 2*time.Second)
		}
		if n := len(a.all()); n < 10 || n > 20 {
			t.Errorf("%d attempts in 20 seconds", n)
		}
		// Calls meanwhile fail at once.
		before := time.Now()
		if _, err := call(t, t.Context(), c, echo, ""); err == nil || time.Since(before) > 0 {
			t.Errorf("after %v: %v", time.Since(before), err)
		}
		a.serve(t)
		time.Sleep(3 * time.Second)
		wantEcho(t, c)
	})
}

func TestCallsWaitForTheFirstAttempt(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, a *attempts, c *grpcclient.Conn) {
		a.serve(t)
		done := make(chan error, 10)
		for range 10 {
			go func() {
				_, err := call(t, t.Context(), c, echo, "")
				done <- err
			}()
		}
		for range 10 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if len(a.all()) != 1 {
			t.Errorf("%d attempts", len(a.all()))
		}
	})
}

func TestContextEndsWaitForAttempt(t *testing.T) {
	change := func(o *grpcclient.Options) { o.ConnectTimeout = 20 * time.Second }
	inBubble(t, change, func(t *testing.T, a *attempts, c *grpcclient.Conn) {
		a.listen(bufconn.Listen(1)) // accepts nothing
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		started := time.Now()
		_, err := call(t, ctx, c, echo, "")
		if failed := failureOf(t, err); failed.Code != codes.DeadlineExceeded || !failed.NotProcessed || time.Since(started) != time.Second {
			t.Errorf("after %v: %+v", time.Since(started), failed)
		}
		if err := c.Connect(t.Context()); err == nil || time.Since(started) != 20*time.Second {
			t.Errorf("after %v: %v", time.Since(started), err)
		}
	})
}

func TestCloseEndsAttempts(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, a *attempts, c *grpcclient.Conn) {
		a.listen(bufconn.Listen(1))
		time.AfterFunc(time.Second, c.Close)
		started := time.Now()
		if _, err := call(t, t.Context(), c, echo, ""); failureOf(t, err).Code != codes.Canceled || time.Since(started) != time.Second {
			t.Errorf("after %v: %v", time.Since(started), err)
		}
	})
}

func TestSilentServerIsPingedAndDisconnected(t *testing.T) {
	change := func(o *grpcclient.Options) { o.KeepAlive, o.KeepAliveTimeout = 10*time.Second, 5*time.Second }
	synctest.Test(t, func(t *testing.T) {
		var pinged []time.Duration
		started := time.Now()
		c := scripts(t, change, func(s *frameServer) {
			if !s.begin() {
				return
			}
			s.await(func(f http2.Frame) bool {
				ping, ok := f.(*http2.PingFrame)
				if !ok {
					return false
				}
				pinged = append(pinged, time.Since(started))
				if len(pinged) < 3 {
					s.WritePing(true, ping.Data)
				}
				return false
			})
		})
		_, err := call(t, t.Context(), c, echo, "")
		if failed := failureOf(t, err); failed.Code != codes.Unavailable || failed.NotProcessed || failed.Message != "the server does not respond" {
			t.Errorf("%+v", failed)
		}
		synctest.Wait()
		if len(pinged) != 3 || pinged[0] != 10*time.Second || pinged[2] != 30*time.Second || time.Since(started) != 35*time.Second {
			t.Errorf("pings after %v, end after %v", pinged, time.Since(started))
		}
	})
}

func TestActiveServerIsNotPinged(t *testing.T) {
	change := func(o *grpcclient.Options) { o.KeepAlive = 10 * time.Second }
	synctest.Test(t, func(t *testing.T) {
		var ping bool
		c := scripts(t, change, func(s *frameServer) {
			if s.begin() {
				s.await(func(f http2.Frame) bool {
					ping = ping || f.Header().Type == http2.FramePing
					if data, ok := f.(*http2.DataFrame); ok {
						s.answer(data.StreamID, "answered")
					}
					return false
				})
			}
		})
		for range 20 {
			wantAnswered(t, t.Context(), c)
			time.Sleep(9 * time.Second)
		}
		synctest.Wait()
		if ping {
			t.Error("it was pinged")
		}
	})
}

func TestPingsAreRarerIfTheServerDemandsIt(t *testing.T) {
	change := func(o *grpcclient.Options) { o.KeepAlive = 10 * time.Second }
	inBubble(t, change, func(t *testing.T, a *attempts, c *grpcclient.Conn) {
		a.serve(t, grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 30 * time.Second, PermitWithoutStream: true}))
		for range 60 {
			wantEcho(t, c)
			time.Sleep(time.Minute + time.Millisecond) // not when the server closes the connection
		}
		if n := len(a.all()); n < 2 || n > 4 {
			t.Errorf("%d connections in an hour", n)
		}
	})
}

// A server that repeats its demand is still pinged.
func TestDemandForRarerPingsIsBounded(t *testing.T) {
	change := func(o *grpcclient.Options) { o.KeepAlive = 10 * time.Second }
	synctest.Test(t, func(t *testing.T) {
		var pinged time.Time
		c := scripts(t, change, func(s *frameServer) {
			if !s.begin() {
				return
			}
			// In one write: the client closes the connection after the first one.
			s.conn.Write(encodeFrames(func(s *frameServer) {
				for range 29 {
					s.WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, []byte("too_many_pings"))
				}
			}))
		}, func(s *frameServer) {
			if s.begin() && s.await(func(f http2.Frame) bool { return f.Header().Type == http2.FramePing }) != nil {
				pinged = time.Now()
			}
		})
		if err := c.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the first session has ended
		before := time.Now()
		if err := c.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if after := pinged.Sub(before); after != time.Hour {
			t.Errorf("it was pinged after %v", after)
		}
	})
}

func TestIdleConnectionIsClosed(t *testing.T) {
	change := func(o *grpcclient.Options) { o.IdleTimeout = time.Minute }
	inBubble(t, change, func(t *testing.T, a *attempts, c *grpcclient.Conn) {
		a.serve(t)
		for range 10 {
			wantEcho(t, c)
			time.Sleep(50 * time.Second)
		}
		if len(a.all()) != 1 || !c.IsConnected() {
			t.Errorf("%d connections; connected: %v", len(a.all()), c.IsConnected())
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if c.IsConnected() {
			t.Error("it is still connected")
		}
		wantEcho(t, c)
		if len(a.all()) != 2 {
			t.Errorf("%d connections", len(a.all()))
		}
		a.listen(nil)
		time.Sleep(2 * time.Minute) // it is closed again
		if _, err := call(t, t.Context(), c, echo, ""); err == nil {
			t.Error("a call without a server succeeds")
		}
		time.Sleep(10 * time.Minute)
		times := a.all()
		if last := times[len(times)-1]; time.Since(last) < 8*time.Minute {
			t.Errorf("it still tried to connect %v after the last call", 10*time.Minute-time.Since(last))
		}
		if _, err := call(t, t.Context(), c, echo, ""); err == nil || len(a.all()) != len(times)+1 {
			t.Errorf("a call after that: %v, after %d attempts", err, len(a.all())-len(times))
		}
	})
}

// A connection with a call in progress is not idle.
func TestConnectionWithStreamStaysOpen(t *testing.T) {
	change := func(o *grpcclient.Options) { o.IdleTimeout = time.Minute }
	synctest.Test(t, func(t *testing.T) {
		c := scripts(t, change, after(func(s *frameServer, id uint32) { s.start(id) }))
		stream, err := c.Open(t.Context(), echo, nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if !c.IsConnected() {
			t.Error("it was closed")
		}
		stream.Close()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if c.IsConnected() {
			t.Error("it is open without a stream")
		}
	})
}
