package client

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/wire"
)

// Messages is what the server sends for one read or subscription, as wire
// bytes. It is for one goroutine. Nothing is sent before the first Next.
type Messages struct {
	client *Client
	method string
	// request gives what to send: again, for a subscription that goes on.
	request func() []byte
	// received is told of each message; it may change what request gives.
	received func(message []byte) error
	// mayResume tells whether a stream that broke may be opened again.
	mayResume func() bool
	// atClose is how the messages end when the client closes.
	atClose error

	caller context.Context
	ctx    context.Context // done with the caller's, or when the client closes
	cancel func()          // nil before the first Next

	stream grpc.ClientStream // nil if it is to be opened
	opened time.Time         // when stream was
	frame  wire.Frame        // the last message given
	again  resends
	err    error // ended
}

// streamDesc is that of every stream: one request, many messages.
var streamDesc = &grpc.StreamDesc{ServerStreams: true}

// start begins what the first Next needs.
func (m *Messages) start() {
	ctx, cancel := context.WithCancel(m.caller)
	unlink := context.AfterFunc(m.client.closing, cancel)
	m.ctx, m.cancel = ctx, func() { unlink(); cancel() }
	if m.client.refuse != nil {
		m.end(m.client.refuse)
	}
}

// Next gives the bytes of the next message, until the next call of a method,
// and io.EOF when there are no more.
func (m *Messages) Next() ([]byte, error) {
	m.frame.Free()
	if m.cancel == nil && m.err == nil {
		m.start()
	}
	for m.err == nil {
		err := m.receive()
		if err == nil {
			message := m.frame.Bytes()
			m.again = resends{}
			if err := m.received(message); err != nil {
				m.end(unreadable(err))
				break
			}
			return message, nil
		}
		if !m.reopen(err) {
			m.end(m.explain(err))
		}
	}
	return nil, m.err
}

// unreadable says that a message of the server's is none.
func unreadable(err error) error {
	return &dcb.Error{Kind: dcb.ErrTransport, Detail: "the server's answer cannot be read", Cause: err}
}

// reopen makes the next receive open the stream again, after a pause, if that
// may mend the error.
func (m *Messages) reopen(err error) bool {
	if status.Code(err) != codes.Unavailable || !m.mayResume() {
		return false
	}
	if m.stream != nil && time.Since(m.opened) > steady {
		m.again = resends{} // it broke, but it was there
	}
	if !m.again.pause(m.ctx) {
		return false
	}
	m.stream = nil
	return true
}

// receive waits for a message; it opens the stream first if need be.
func (m *Messages) receive() error {
	if m.stream == nil {
		stream, err := m.client.conn.NewStream(m.ctx, streamDesc, m.method)
		if err != nil {
			return err
		}
		m.stream, m.opened = stream, time.Now()
		// Why sending fails is for receiving to tell.
		if err := stream.SendMsg(wire.NewFrame(m.request())); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err := stream.CloseSend(); err != nil {
			return err
		}
	}
	return m.stream.RecvMsg(&m.frame)
}

// explain gives the error to end with for one that gRPC returned.
func (m *Messages) explain(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case m.caller.Err() != nil:
		return wire.FromStatus(m.caller.Err(), nil)
	case m.client.closing.Err() != nil:
		return m.atClose
	case m.stream == nil:
		return wire.FromStatus(err, nil)
	}
	return wire.FromStatus(err, m.stream.Trailer())
}

// Close gives up what is left of the messages. It may be called again.
func (m *Messages) Close() { m.end(dcb.ErrClosed) }

func (m *Messages) end(err error) {
	m.frame.Free()
	if m.err == nil {
		m.err = err
		if m.cancel != nil {
			m.cancel()
		}
	}
}
