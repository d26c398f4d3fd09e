package server_test

import (
	"bytes"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
)

// frameClient sends HTTP/2 frames one by one, as no library would, and records how its
// calls end.
type frameClient struct {
	t      *testing.T
	conn   net.Conn
	framer *http2.Framer
	next   uint32 // stream

	headers bytes.Buffer
	encoder *hpack.Encoder

	mu     sync.Mutex
	ended  map[uint32]codes.Code
	hints  int            // calls that ended with a time after which they may be sent again
	bytes  map[uint32]int // received by each call
	credit map[uint32]int // by which the server has enlarged its windows; 0 is the connection's
	closed bool

	ignoresErrors bool // the connection may be closed at any time
}

// frames connects a client whose streams have a receive window of the given bytes.
func (r *running) frames(t *testing.T, window uint32) *frameClient {
	t.Helper()
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	c := newFrameClient(t, conn)
	c.begin(window)
	return c
}

func newFrameClient(t *testing.T, conn net.Conn) *frameClient {
	c := &frameClient{t: t, conn: conn, framer: http2.NewFramer(conn, conn), next: 1, ended: make(map[uint32]codes.Code), bytes: make(map[uint32]int), credit: make(map[uint32]int)}
	c.encoder = hpack.NewEncoder(&c.headers)
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	t.Cleanup(func() { conn.Close() })
	return c
}

// begin sends the preface of HTTP/2 and starts to read.
func (c *frameClient) begin(window uint32) {
	c.t.Helper()
	_, err := c.conn.Write([]byte(http2.ClientPreface))
	c.must(err)
	c.must(c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window}))
	go c.read()
}

func (c *frameClient) must(err error) {
	c.t.Helper()
	if err != nil && !c.ignoresErrors {
		c.t.Fatal(err)
	}
}

// read reads frames until the connection ends.
func (c *frameClient) read() {
	for {
		frame, err := c.framer.ReadFrame()
		c.mu.Lock()
		if err != nil {
			c.closed = true
			c.mu.Unlock()
			return
		}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			for _, field := range frame.Fields {
				if code, err := strconv.Atoi(field.Value); field.Name == "grpc-status" && err == nil {
					c.ended[frame.StreamID] = codes.Code(code)
				}
				if field.Name == "grpc-retry-pushback-ms" {
					c.hints++
				}
			}
		case *http2.DataFrame:
			c.bytes[frame.StreamID] += len(frame.Data())
		case *http2.WindowUpdateFrame:
			c.credit[frame.StreamID] += int(frame.Increment)
		case *http2.RSTStreamFrame:
			if _, known := c.ended[frame.StreamID]; !known {
				c.ended[frame.StreamID] = codes.Canceled
			}
		}
		c.mu.Unlock()
	}
}

// call starts a call and sends data as its body. If end is set, the body ends there.
func (c *frameClient) call(method string, data []byte, end bool, headers ...string) uint32 {
	c.t.Helper()
	c.headers.Reset()
	for i, fields := 0, append([]string{
		":method", "POST", ":scheme", "http", ":path", method, ":authority", "test",
		"content-type", "application/grpc", "te", "trailers",
	}, headers...); i < len(fields); i += 2 {
		c.must(c.encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}))
	}
	id := c.next
	c.next += 2
	c.must(c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: c.headers.Bytes(), EndHeaders: true}))
	if len(data) > 0 || end {
		c.must(c.framer.WriteData(id, end, data))
	}
	return id
}

// count returns the number of calls that ended with a code.
func (c *frameClient) count(code codes.Code) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ended := range c.ended {
		if ended == code {
			n++
		}
	}
	return n
}

// received returns the number of bytes that a call has received.
func (c *frameClient) received(id uint32) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes[id]
}

// isClosed reports whether the server has closed the connection.
func (c *frameClient) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// eventually waits until a condition is true.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timeout: %s", what)
		}
	}
}
