package grpcclient_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/test/bufconn"

	"github.com/umadb-go/umadb/internal/grpcclient"
)

// frameServer is the server of one connection that writes frames by hand.
type frameServer struct {
	*http2.Framer
	conn    net.Conn
	encoder *hpack.Encoder
	block   bytes.Buffer
	seen    []http2.FrameType // the frames that await has read
}

// scripts starts a server that serves its connections by scripts: the first by the first
// one, and further ones by the last. It returns a Conn to it.
func scripts(t testing.TB, change func(*grpcclient.Options), all ...func(*frameServer)) *grpcclient.Conn {
	t.Helper()
	listener := bufconn.Listen(64 << 10)
	var running sync.WaitGroup
	running.Go(func() {
		for i := 0; ; i++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				all[min(i, len(all)-1)](newFrameServer(conn))
			})
		}
	})
	c := open(t, "memory:1", func(o *grpcclient.Options) {
		dialMemory(listener)(o)
		if change != nil {
			change(o)
		}
	})
	t.Cleanup(func() {
		c.Close()
		listener.Close()
		running.Wait()
	})
	return c
}

func newFrameServer(conn net.Conn) *frameServer {
	s := &frameServer{conn: conn, Framer: http2.NewFramer(conn, conn)}
	s.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	s.AllowIllegalWrites = true
	s.encoder = hpack.NewEncoder(&s.block)
	return s
}

// begin does the handshake.
func (s *frameServer) begin(settings ...http2.Setting) bool {
	if _, err := io.ReadFull(s.conn, make([]byte, len(http2.ClientPreface))); err != nil {
		return false
	}
	return s.WriteSettings(settings...) == nil
}

// await reads frames until there is one that is wanted. It returns nil if the connection ends.
func (s *frameServer) await(wanted func(http2.Frame) bool) http2.Frame {
	for {
		frame, err := s.ReadFrame()
		if err != nil {
			return nil
		}
		s.seen = append(s.seen, frame.Header().Type)
		if wanted(frame) {
			return frame
		}
	}
}

// awaitRequest waits for a whole request and returns its stream.
func (s *frameServer) awaitRequest() (id uint32, ok bool) {
	frame := s.await(func(f http2.Frame) bool {
		data, ok := f.(*http2.DataFrame)
		return ok && data.StreamEnded()
	})
	if frame == nil {
		return 0, false
	}
	return frame.Header().StreamID, true
}

// awaitReset waits until the client resets a stream.
func (s *frameServer) awaitReset() (code http2.ErrCode, ok bool) {
	frame := s.await(func(f http2.Frame) bool { return f.Header().Type == http2.FrameRSTStream })
	if frame == nil {
		return 0, false
	}
	return frame.(*http2.RSTStreamFrame).ErrCode, true
}

// awaitGoAway waits until the client closes the connection, and returns its reason.
func (s *frameServer) awaitGoAway() (code http2.ErrCode, ok bool) {
	frame := s.await(func(f http2.Frame) bool { return f.Header().Type == http2.FrameGoAway })
	if frame == nil {
		return 0, false
	}
	return frame.(*http2.GoAwayFrame).ErrCode, true
}

// wait reads frames until the connection ends.
func (s *frameServer) wait() { s.await(func(http2.Frame) bool { return false }) }

// encode encodes header fields, given as names and values.
func (s *frameServer) encode(fields ...string) []byte {
	s.block.Reset()
	for i := 0; i < len(fields); i += 2 {
		s.encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return s.block.Bytes()
}

// headers sends header fields, given as names and values.
func (s *frameServer) headers(id uint32, end bool, fields ...string) {
	s.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: s.encode(fields...), EndHeaders: true, EndStream: end})
}

// start sends the headers of a response.
func (s *frameServer) start(id uint32) {
	s.headers(id, false, ":status", "200", "content-type", "application/grpc+proto")
}

// finish sends the trailers of a response that succeeded.
func (s *frameServer) finish(id uint32) { s.headers(id, true, "grpc-status", "0") }

// message returns a message with its prefix.
func message(text string) []byte {
	content := encode(text)
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(content))), content...)
}

// answer sends a whole response.
func (s *frameServer) answer(id uint32, text string) {
	s.start(id)
	s.WriteData(id, false, message(text))
	s.finish(id)
}

// answering answers all requests.
func answering(s *frameServer) {
	if !s.begin() {
		return
	}
	for {
		id, ok := s.awaitRequest()
		if !ok {
			return
		}
		s.answer(id, "answered")
	}
}

// wantAnswered checks that a server is answering.
func wantAnswered(t testing.TB, ctx context.Context, c *grpcclient.Conn) {
	t.Helper()
	if got, err := call(t, ctx, c, echo, ""); err != nil || got != "answered" {
		t.Errorf("%q, %v", got, err)
	}
}
