package transport

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// stream contains the methods of grpc-go's stream that its interface does not export.
type stream interface {
	// ReadMessageHeader fills dst, of any length, with the next bytes. Unlike Read it does
	// not retain the frames of the bytes, of which there may be one for each byte.
	ReadMessageHeader(dst []byte) error
	// Read returns the next n bytes, in one buffer for each frame.
	Read(n int) (mem.BufferSlice, error)
	// WriteStatus ends the stream, including a read that waits.
	WriteStatus(*status.Status) error
}

// Body is the body of the request of a call: its messages, each with a header. A handler
// that uses the Body must not call RecvMsg, which reads a message of any allowed size into
// memory and waits for it without a timeout. The zero Body must not be used.
type Body struct{ stream stream }

// BodyOf returns the body of the call that has the given context. The call must be handled
// as a stream.
func BodyOf(ctx context.Context) (Body, error) {
	s, ok := grpc.ServerTransportStreamFromContext(ctx).(stream)
	if !ok {
		return Body{}, errors.New("the gRPC stream lacks the methods that the server reads requests with")
	}
	return Body{s}, nil
}

// Fill waits for the next bytes and fills dst with them. It returns io.EOF at the end of
// the body, and io.ErrUnexpectedEOF if the body ends within dst.
func (b Body) Fill(dst []byte) error { return b.stream.ReadMessageHeader(dst) }

// FillCounting is Fill, and returns the number of HTTP/2 frames of the bytes. Until the
// call ends, gRPC uses about 50 bytes for each of these frames.
func (b Body) FillCounting(dst []byte) (frames int, err error) {
	data, err := b.stream.Read(len(dst))
	if err != nil {
		return 0, err
	}
	data.CopyTo(dst)
	data.Free()
	return len(data), nil
}

// End ends the call with a status, even while another goroutine waits in Fill, which then
// fails. The status that the handler returns afterwards is not sent. End does nothing if
// the connection is closed.
func (b Body) End(st *status.Status) { _ = b.stream.WriteStatus(st) }
