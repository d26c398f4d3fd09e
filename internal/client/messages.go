package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"

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
	// patience returns for how long a stream that ended may be opened again; 0 if it
	// may not.
	patience func(ending) time.Duration
	// atClose is how the messages end when the client closes.
	atClose error

	caller context.Context
	ctx    context.Context // done with the caller's, or when the client closes
	cancel func()          // nil before the first Next

	stream    grpc.ClientStream // nil if it is to be opened
	release   func()            // ends stream
	opened    time.Time         // when stream was opened
	answered  bool              // the server's headers have been received
	delivered bool              // a message has been returned
	frame     wire.Frame        // the last message returned
	again     resends
	err       error // ended
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
			m.answered, m.delivered = true, true
			if err := m.received(message); err != nil {
				m.end(unreadable(err))
				break
			}
			return message, nil
		}
		if patience := m.patience(m.ending(err)); patience == 0 || !m.again.pause(m.ctx, patience) {
			m.end(m.explain(err, patience > 0))
			break
		}
		m.releaseStream()
	}
	return nil, m.err
}

// unreadable says that a message of the server's is none.
func unreadable(err error) error {
	return &dcb.Error{Kind: dcb.ErrTransport, Detail: "the server's answer cannot be read", Cause: err}
}

// ending returns how the stream ended for which gRPC returned err.
func (m *Messages) ending(err error) ending {
	e := ending{err: err, answered: m.answered, delivered: m.delivered}
	if m.stream != nil {
		e.trailer = m.stream.Trailer()
	}
	return e
}

// receive waits for a message; it opens the stream first if need be.
func (m *Messages) receive() error {
	if m.stream == nil {
		opened := time.Now()
		stream, release, err := m.client.pool.open(m.ctx, m.method)
		if err != nil {
			return err
		}
		m.stream, m.release, m.opened = stream, release, opened
		// Why sending fails is for receiving to tell.
		if err := stream.SendMsg(wire.NewFrame(m.request())); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err := stream.CloseSend(); err != nil {
			return err
		}
	}
	err := m.stream.RecvMsg(&m.frame)
	if err != nil && (!m.answered || m.again.count > 0) {
		m.noteHeaders()
	}
	return err
}

// noteHeaders notes that the server has begun to answer, if a stream that ended
// without a message has received headers.
func (m *Messages) noteHeaders() {
	if headers, _ := m.stream.Header(); headers == nil {
		return
	}
	m.answered = true
	if time.Since(m.opened) > steady {
		m.again = resends{}
	}
}

// explain returns the error to end with for one that gRPC returned. resumable reports
// whether the stream could have been opened again before the patience was over.
func (m *Messages) explain(err error, resumable bool) error {
	stopped := errors.Is(err, io.EOF)
	switch {
	case stopped && !resumable:
		return io.EOF
	case m.caller.Err() != nil:
		return wire.FromStatus(m.caller.Err(), nil)
	case m.client.closing.Err() != nil:
		return m.atClose
	case stopped:
		return errStopped
	case errors.As(err, new(*dcb.Error)):
		return err
	case m.stream == nil:
		return wire.FromStatus(err, nil)
	}
	return wire.FromStatus(err, m.stream.Trailer())
}

// errStopped is returned when the server stops again and again while a subscription is
// resumed.
var errStopped = &dcb.Error{
	Kind:   dcb.ErrTransport,
	Detail: fmt.Sprintf("the server has ended the subscription, and again whenever it was resumed, for %v", resumePatience),
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
		m.releaseStream()
	}
}

// releaseStream ends the stream, if there is one.
func (m *Messages) releaseStream() {
	if m.stream != nil {
		m.release()
		m.stream = nil
	}
}
