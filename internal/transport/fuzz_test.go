package transport_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"

	"github.com/umadb-go/umadb/internal/transport"
)

// recorded is a connection that records what is written.
type recorded struct {
	net.Conn
	mu    sync.Mutex
	bytes bytes.Buffer
}

func (r *recorded) Write(p []byte) (int, error) {
	r.mu.Lock()
	r.bytes.Write(p)
	r.mu.Unlock()
	if r.Conn == nil {
		return len(p), nil
	}
	return r.Conn.Write(p)
}

// afterPreface returns what was written after the preface.
func (r *recorded) afterPreface() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.TrimPrefix(bytes.Clone(r.bytes.Bytes()), []byte(http2.ClientPreface))
}

// trafficOfFrames returns what a frameClient sends.
func trafficOfFrames(t tester, send func(c *frameClient)) []byte {
	traffic := new(recorded)
	c := newFrameClient(t, traffic)
	c.begin(initialWindow(100))
	send(c)
	return traffic.afterPreface()
}

// trafficOfClient returns what grpc-go's client sends.
func trafficOfClient(f *testing.F) []byte {
	f.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	r := serve(f, listener, testOptions())
	defer r.stop()
	traffic := new(recorded)
	c, err := grpc.NewClient(r.address, withInsecure, grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		traffic.Conn = conn
		return traffic, err
	}), grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{})))
	if err != nil {
		f.Fatal(err)
	}
	defer c.Close()
	for _, method := range []string{inlineEcho, unaryEcho, inlineEcho, unaryEcho, inlineFail} {
		_, _ = invoke(context.Background(), c, method, []byte("request"))
	}
	return traffic.afterPreface()
}

// Whatever a client sends after its preface, the server does not panic, and when the client
// is gone, nothing is in use.
func FuzzConnection(f *testing.F) {
	f.Add(trafficOfClient(f))
	f.Add([]byte{})
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	for _, method := range randomMethods {
		f.Add(trafficOfFrames(f, func(c *frameClient) {
			id := c.call(method, []byte("10 20"), "grpc-timeout", "1S", "send-bin", "AAE")
			c.window(id, 1000)
			c.settings(initialWindow(7), http2.Setting{ID: http2.SettingHeaderTableSize, Val: 0})
			c.window(0, 1)
			c.ping(1)
			open := c.openInFrames([]int{3, 4}, callFields(method)...)
			c.padded(open, false, []byte{0, 0, 0, 0}, 10)
			c.padded(open, true, []byte{2, 'a', 'b'}, 0)
			c.reset(id)
		}))
	}
	f.Fuzz(func(t *testing.T, traffic []byte) {
		bubble(t, func(t *testing.T, r *running) {
			c := r.dial()
			c.silent = true
			go func() { _, _ = io.Copy(io.Discard, c.conn) }()
			_, _ = c.Write([]byte(http2.ClientPreface))
			_, _ = c.Write(traffic)
			synctest.Wait()
			_ = c.conn.Close()
			synctest.Wait()
			if usage := r.server.Usage(); usage != (transport.Usage{}) {
				t.Errorf("in use: %+v", usage)
			}
		})
	})
}
