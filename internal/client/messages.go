package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/grpcclient"
	"github.com/umadb-go/umadb/internal/record"
)

// Messages returns the encoded messages that the server sends for a read, subscription or
// health watch. Nothing is sent before the first Next. A Messages must not be used by
// several goroutines at the same time.
type Messages struct {
	client     *Client
	method     string
	request    []byte
	subscribes bool // request is a SubscribeRequest
	// patience returns for how long a stream that ended may be opened again, or 0 if it
	// may not.
	patience func(ending) time.Duration
	// atClose is the error of Next after the client is closed.
	atClose error
	coded   bool // errors have the code of the server's answer

	caller context.Context
	ctx    context.Context // done with the caller's, or when the client is closed
	cancel func()          // nil before the first Next

	stream    *grpcclient.Stream // nil if it must be opened
	release   func()             // releases the place of stream in the pool
	opened    time.Time          // when stream was opened
	answered  bool               // the server's headers have been received
	delivered bool               // a message has been returned
	last      uint64             // position of the last event of a subscription
	again     resends
	err       error // why the messages ended
}

// start prepares the first Next.
func (m *Messages) start() {
	ctx, cancel := context.WithCancel(m.caller)
	unlink := context.AfterFunc(m.client.closing, cancel)
	m.ctx, m.cancel = ctx, func() { unlink(); cancel() }
	if m.client.refusal != nil {
		m.end(m.client.refusal)
	}
}

// Next returns the next message, which is valid until the next call of a method. It
// returns io.EOF if there are no more.
func (m *Messages) Next() ([]byte, error) {
	if m.cancel == nil && m.err == nil {
		m.start()
	}
	for m.err == nil {
		message, err := m.receive()
		if err == nil {
			m.again = resends{}
			m.answered, m.delivered = true, true
			if err := m.notePosition(message); err != nil {
				m.end(unreadable(err))
				break
			}
			return message, nil
		}
		if patience := m.patience(ending{err: err, answered: m.answered, delivered: m.delivered}); patience == 0 || !m.again.pause(m.ctx, patience) {
			m.end(m.explain(err, patience > 0))
			break
		}
		m.releaseStream()
	}
	return nil, m.err
}

// notePosition sets the position after which a subscription resumes.
func (m *Messages) notePosition(message []byte) error {
	if !m.subscribes {
		return nil
	}
	for record, err := range record.Records(message) {
		if err != nil {
			return err
		}
		m.last = record.Position
	}
	return nil
}

// unreadable returns the error for a malformed message of the server.
func unreadable(err error) error {
	return &dcb.Error{Kind: dcb.ErrTransport, Detail: "the server's answer cannot be read", Cause: err}
}

// receive waits for a message. It opens the stream if that is necessary.
func (m *Messages) receive() ([]byte, error) {
	if m.stream == nil {
		opened := time.Now()
		stream, release, err := m.client.pool.open(m.ctx, m.method, record.ResumeAfter(m.request, m.last))
		if err != nil {
			return nil, err
		}
		m.stream, m.release, m.opened = stream, release, opened
	}
	message, err := m.stream.Next()
	if err != nil && (!m.answered || m.again.count > 0) {
		m.noteHeaders()
	}
	return message, err
}

// noteHeaders records that the server has answered, if a stream that ended without a
// message has received headers.
func (m *Messages) noteHeaders() {
	if !m.stream.HasHeaders() {
		return
	}
	m.answered = true
	if time.Since(m.opened) > steady {
		m.again = resends{}
	}
}

// explain converts the error of a stream to the one that ends the messages.
// resumable is set if the stream could have been opened again in time.
func (m *Messages) explain(err error, resumable bool) error {
	stopped := errors.Is(err, io.EOF)
	switch {
	case stopped && !resumable:
		return io.EOF
	case m.caller.Err() != nil:
		return toError(m.caller.Err())
	case m.client.closing.Err() != nil:
		return m.atClose
	case stopped:
		return errStopped
	case m.coded:
		return withCode(err)
	}
	return toError(err)
}

// Messages makes a call of a service other than the event store, once, and returns the stream
// of its encoded responses, which must be closed. If the server has answered with an error,
// status.Code returns its code.
func (c *Client) Messages(ctx context.Context, method string, request []byte) *Messages {
	return &Messages{
		client:   c,
		method:   method,
		request:  request,
		patience: func(ending) time.Duration { return 0 },
		atClose:  dcb.ErrClosed,
		coded:    true,
		caller:   ctx,
	}
}

// errStopped is returned when the server repeatedly stops while a subscription is resumed.
var errStopped = &dcb.Error{
	Kind:   dcb.ErrTransport,
	Detail: fmt.Sprintf("for %v the server has ended the subscription each time it was resumed", resumePatience),
}

// Close ends the messages and releases their resources. It may be called again.
func (m *Messages) Close() { m.end(dcb.ErrClosed) }

func (m *Messages) end(err error) {
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
		m.stream.Close()
		m.release()
		m.stream = nil
	}
}
