package transport

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

var _ grpc.ServerStream = (*Stream)(nil)

var (
	errReset   = status.Error(codes.Canceled, "the client has cancelled the call")
	errClosed  = status.Error(codes.Unavailable, "the connection is closed")
	errExpired = status.Error(codes.DeadlineExceeded, context.DeadlineExceeded.Error())
	errShort   = status.Error(codes.Internal, "the message is shorter than its length prefix")
	errEnded   = status.Error(codes.Internal, "the call has ended")
)

// Stream is a call. Handler.Serve uses it as a grpc.ServerStream, whose context contains no
// metadata; a call that was accepted by Handler.Begin is answered by Reply or Fail.
type Stream struct {
	// State belongs to the Handler.
	State any

	id     uint32
	conn   *conn
	header *Header
	start  time.Time

	body body // guarded by conn.mu

	// cancel is called when an inline call ends before it is answered; guarded by conn.mu.
	cancel func()
	// ended is the reason why nothing can be sent any longer, or nil; guarded by conn.mu.
	ended  error
	window int64 // guarded by conn.mu; the flow-control window for sending

	// blockedAnswer is the rest of an answer that waits for a window, or nil; guarded by
	// conn.mu.
	blockedAnswer []byte

	phase phase // guarded by conn.mu

	// changed is signalled when what concerns only this stream has changed; nil if it has
	// not waited for that. A client must not be able to wake all its calls with a frame that
	// concerns one. Guarded by conn.mu.
	changed *sync.Cond
	waits   bool // guarded by conn.mu; the goroutine waits for conn.changed

	trailer metadata.MD // set before the call is answered

	// What follows is set if the call is served by a goroutine.
	ctx       callContext
	expiry    *time.Timer // guarded by conn.mu; nil without a deadline
	sent      metadata.MD // guarded by conn.mu; headers to be sent
	sentStart bool        // guarded by conn.mu; headers were sent
}

// phase is how far a call has come.
type phase int

const (
	opened   phase = iota
	admitted       // its request is arriving; it will be offered to Handler.Begin
	offered        // to Handler.Begin, which has not failed
	answered       // by Reply or Fail
	served         // by a goroutine
)

// Header returns the headers of the call.
func (s *Stream) Header() *Header { return s.header }

// Conn returns the connection as it was accepted.
func (s *Stream) Conn() net.Conn { return s.conn.accepted }

// Started returns when the call has started: its headers arrived.
func (s *Stream) Started() time.Time { return s.start }

// Deadline returns when the client stops waiting, or the zero time.
func (s *Stream) Deadline() time.Time {
	if s.header.Timeout == 0 {
		return time.Time{}
	}
	return s.start.Add(s.header.Timeout)
}

// isExpired reports whether the client no longer waits.
func (s *Stream) isExpired() bool {
	return s.header.Timeout > 0 && time.Since(s.start) >= s.header.Timeout
}

// end ends a stream: nothing is sent on it any longer. The caller must hold mu.
func (c *conn) end(s *Stream, reason error) {
	if s.ended != nil {
		return
	}
	s.ended = reason
	s.body.data = nil
	if s.blockedAnswer != nil {
		s.blockedAnswer = nil
		c.output.blocked = slices.DeleteFunc(c.output.blocked, func(b *Stream) bool { return b == s })
	}
	delete(c.streams, s.id)
	if s.phase == served {
		c.lingering++
	}
	if s.expiry != nil {
		s.expiry.Stop()
	}
	s.ctx.end(context.Canceled)
	s.runCancel()
	switch s.phase {
	case admitted:
		c.server.handler.Release(s)
	case answered:
		c.release(s)
	}
	s.wake()
	if s.waits {
		c.changed.Broadcast()
	}
}

// wait waits until wake is called. The caller must hold mu.
func (s *Stream) wait() {
	if s.changed == nil {
		s.changed = sync.NewCond(&s.conn.mu)
	}
	s.changed.Wait()
}

// wake is called when the request or the window of the stream has changed or the call has
// ended. The caller must hold mu.
func (s *Stream) wake() {
	if s.changed != nil {
		s.changed.Broadcast()
	}
}

// finish sends the end of a call. The caller must hold mu.
func (c *conn) finish(s *Stream, st *status.Status, trailer metadata.MD) {
	if s.ended != nil {
		return
	}
	o := &c.output
	switch {
	case s.sentStart:
	case len(s.sent) > 0: // in one block with the status, they would be trailers
		c.sendStart(s)
	default:
		o.startHeaders()
	}
	o.field("grpc-status", strconv.Itoa(int(st.Code())))
	if st.Message() != "" {
		o.rareField("grpc-message", encodeMessage(st.Message()))
	}
	s.encode(trailer)
	if len(st.Proto().GetDetails()) > 0 && len(trailer["grpc-status-details-bin"]) == 0 {
		if encoded, err := proto.Marshal(st.Proto()); err == nil {
			o.rareField("grpc-status-details-bin", encodeBinary(string(encoded)))
		}
	}
	o.headers(s.id, true)
	if !s.body.whole {
		o.reset(s.id, http2.ErrCodeNo) // the client need not send the rest
	}
	c.end(s, errEnded)
}

// encode encodes metadata.
func (s *Stream) encode(md metadata.MD) {
	for name, values := range md {
		for _, value := range values {
			if strings.HasSuffix(name, binarySuffix) {
				value = encodeBinary(value)
			}
			s.conn.output.rareField(name, value)
		}
	}
}

// refuseHeaders answers headers that are not those of a gRPC call. The caller must hold mu.
func (c *conn) refuseHeaders(s *Stream) {
	o, r := &c.output, s.header.refusal
	o.rareField(":status", strconv.Itoa(r.http))
	o.rareField("content-type", "application/grpc")
	o.rareField("grpc-status", strconv.Itoa(int(r.status.Code())))
	o.rareField("grpc-message", encodeMessage(r.status.Message()))
	o.headers(s.id, true)
	if !s.body.whole {
		o.reset(s.id, http2.ErrCodeNo)
	}
	c.end(s, errEnded)
}

// serve has a call served by a goroutine.
func (c *conn) serve(s *Stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.ended != nil {
		if s.phase == offered {
			c.server.handler.Release(s)
		}
		return
	}
	s.phase = served
	if s.ctx.deadline = s.Deadline(); !s.ctx.deadline.IsZero() {
		s.expiry = time.AfterFunc(time.Until(s.ctx.deadline), s.expire)
	}
	c.server.workers.serve(s)
}

// finishServed sends the end of a call whose handler has returned.
func (c *conn) finishServed(s *Stream, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finish(s, status.Convert(err), s.trailer)
	c.lingering--
	c.release(s)
	c.flushLocked()
}

// expire ends a call whose client no longer waits.
func (s *Stream) expire() {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	s.ctx.end(context.DeadlineExceeded)
	s.conn.finish(s, status.Convert(errExpired), nil)
	s.conn.flushSoon()
}

// Method returns the path of the call.
func (s *Stream) Method() string { return s.header.Method }

// Context implements grpc.ServerStream.
func (s *Stream) Context() context.Context { return &s.ctx }

// SetHeader implements grpc.ServerStream.
func (s *Stream) SetHeader(md metadata.MD) error {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if s.sentStart {
		return status.Error(codes.Internal, "the headers were sent already")
	}
	s.sent = metadata.Join(s.sent, md)
	return nil
}

// SendHeader implements grpc.ServerStream.
func (s *Stream) SendHeader(md metadata.MD) error {
	if err := s.SetHeader(md); err != nil {
		return err
	}
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.ended != nil {
		return s.reason()
	}
	c.sendStart(s)
	c.flushLocked()
	return nil
}

// sendStart sends the headers of an answer. The caller must hold mu.
func (c *conn) sendStart(s *Stream) {
	c.output.startHeaders()
	s.encode(s.sent)
	c.output.headers(s.id, false)
	s.sentStart = true
}

// SetTrailer implements grpc.ServerStream. For an inline call, it must be called before Reply.
func (s *Stream) SetTrailer(md metadata.MD) { s.trailer = metadata.Join(s.trailer, md) }

// reason returns why nothing can be sent or received: the error of the context, if any. The
// caller must hold mu.
func (s *Stream) reason() error {
	if s.phase == served && s.ctx.Err() != nil {
		return status.FromContextError(s.ctx.Err()).Err()
	}
	return s.ended
}

// Send sends a message that is encoded. It returns when the message is in the output of the
// connection. If it is the last one, it may be written only with the end of the call, which
// must follow at once.
func (s *Stream) Send(message []byte, last bool) error {
	return s.conn.send(s, parts{prefix(len(message)), message}, messageHeader+len(message), last)
}

// prefix returns the gRPC header of a message.
func prefix(length int) []byte {
	return binary.BigEndian.AppendUint32([]byte{0}, uint32(length))
}

// SendMsg implements grpc.ServerStream. It returns when the message is in the output of the
// connection.
func (s *Stream) SendMsg(message any) error {
	data, err := codec.Marshal(message)
	if err != nil {
		return status.Errorf(codes.Internal, "cannot encode the message: %v", err)
	}
	defer data.Free()
	length := data.Len()
	if length > math.MaxUint32 {
		return status.Error(codes.ResourceExhausted, "the message is larger than 4 GiB")
	}
	parts := parts{prefix(length)}
	for _, b := range data {
		parts = append(parts, b.ReadOnlyData())
	}
	return s.conn.send(s, parts, messageHeader+length, false)
}

// parts are pieces of data that are sent one after the other.
type parts [][]byte

// fill fills dst with the next bytes.
func (p *parts) fill(dst []byte) {
	for len(dst) > 0 {
		n := copy(dst, (*p)[0])
		dst = dst[n:]
		if (*p)[0] = (*p)[0][n:]; len((*p)[0]) == 0 {
			*p = (*p)[1:]
		}
	}
}

// send adds length bytes to the output. It waits while they do not fit into the output or
// the windows. The end of the call writes the last of them.
func (c *conn) send(s *Stream, rest parts, length int, last bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := &c.output
	if s.ended == nil && !s.sentStart {
		c.sendStart(s)
	}
	for length > 0 && s.ended == nil {
		n := int(min(int64(length), maxFrame, o.window, s.window))
		switch {
		case n > 0 && len(o.bytes) < c.server.options.WriteBuffer:
			rest.fill(o.data(s.id, n))
			o.window -= int64(n)
			s.window -= int64(n)
			length -= n
		case len(o.bytes) > 0 && !o.writing:
			c.flushLocked()
		case s.window <= 0:
			s.wait()
		default:
			s.waits = true
			c.changed.Wait()
			s.waits = false
		}
	}
	if s.ended != nil {
		return s.reason()
	}
	if !last {
		c.flushSoon()
	}
	return nil
}

// RecvMsg implements grpc.ServerStream.
func (s *Stream) RecvMsg(message any) error {
	header := make([]byte, messageHeader)
	if err := s.Fill(header); errors.Is(err, io.ErrUnexpectedEOF) {
		return errShort
	} else if err != nil {
		return err
	}
	length, err := messageLength(header)
	if err != nil {
		return err
	}
	if length > maxReceived {
		return status.Errorf(codes.ResourceExhausted, "a message of %d bytes is over the limit of %d", length, maxReceived)
	}
	content := make([]byte, length)
	if err := s.Fill(content); err != nil && length > 0 {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errShort
		}
		return err
	}
	if err := codec.Unmarshal(mem.BufferSlice{mem.SliceBuffer(content)}, message); err != nil {
		return status.Errorf(codes.Internal, "cannot decode the message: %v", err)
	}
	return nil
}
