package transport

import (
	"encoding/binary"
	"io"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// codec encodes and decodes the messages of SendMsg and RecvMsg.
var codec = encoding.GetCodecV2(proto.Name)

// maxReceived is the maximum size in bytes of a message that RecvMsg receives.
const maxReceived = 64 << 10

// body is the part of a request that has arrived and was not read.
type body struct {
	data   []byte
	read   int    // bytes of data that were read
	whole  bool   // the client has sent all of the request
	window int64  // how many bytes the client may send
	unsent uint32 // bytes that were read and not added to the window again
}

// Fill fills dst with the next bytes of the request. It returns io.EOF at the
// end of the request, and io.ErrUnexpectedEOF if the request ends within dst.
func (s *Stream) Fill(dst []byte) error {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	filled := 0
	for filled < len(dst) {
		if s.ended != nil {
			return s.reason()
		}
		n := copy(dst[filled:], s.body.data[s.body.read:])
		if filled += n; n > 0 {
			c.consume(s, n)
			continue
		}
		switch {
		case s.body.whole && filled == 0:
			return io.EOF
		case s.body.whole:
			return io.ErrUnexpectedEOF
		}
		s.wait()
	}
	return nil
}

// add adds data that has arrived. The space of what was read is used again, so that the
// size of the buffer is bounded although it may never be empty.
func (b *body) add(data []byte) {
	if b.read > len(b.data)/2 {
		b.data = b.data[:copy(b.data, b.data[b.read:])]
		b.read = 0
	}
	b.data = append(b.data, data...)
}

// consume records that n bytes were read, and lets the client send more. The caller must
// hold mu.
func (c *conn) consume(s *Stream, n int) {
	b := &s.body
	b.read += n
	if b.read == len(b.data) {
		b.data, b.read = b.data[:0], 0
		if cap(b.data) > maxFrame {
			b.data = nil
		}
	}
	b.unsent += uint32(n)
	if c.renew(s) {
		c.flushSoon()
	}
}

// renew lets the client send as many bytes again as were read, and reports whether it did.
// The caller must hold mu.
func (c *conn) renew(s *Stream) bool {
	b := &s.body
	if b.whole || b.unsent < c.server.options.StreamWindow/4 {
		return false
	}
	b.window += int64(b.unsent)
	c.output.addWindow(s.id, b.unsent)
	b.unsent = 0
	return true
}

// End ends the call with a status and a trailer, which may be nil, even while another
// goroutine waits in Fill. The status that the handler returns afterwards is not sent.
func (s *Stream) End(st *status.Status, trailer metadata.MD) {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finish(s, st, trailer)
	c.flushSoon()
}

// EndArriving is End, unless the request has arrived wholly. It reports whether the request
// had not.
func (s *Stream) EndArriving(st *status.Status, trailer metadata.MD) bool {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.conn.endArriving(s, st, trailer)
}

// endArriving is EndArriving for callers that hold mu.
func (c *conn) endArriving(s *Stream, st *status.Status, trailer metadata.MD) bool {
	if s.body.whole || s.ended != nil {
		return false
	}
	c.finish(s, st, trailer)
	c.flushSoon()
	return true
}

// IsArriving reports whether the request has not arrived wholly.
func (s *Stream) IsArriving() bool {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return !s.body.whole && s.ended == nil
}

// messageLength returns the length in the header of a message.
func messageLength(header []byte) (int, error) {
	if header[0] != 0 {
		return 0, status.Error(codes.Unimplemented, "compressed requests are not supported")
	}
	return int(binary.BigEndian.Uint32(header[1:])), nil
}
