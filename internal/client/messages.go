package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/grpcclient"
	"github.com/umadb-go/umadb/internal/record"
)

// Messages returns the encoded messages that the server sends for a read, a subscription or
// another call with a stream of answers. Nothing is sent before the first Next. A Messages must not be used by
// several goroutines at the same time.
type Messages struct {
	client     *Client
	method     string
	request    []byte
	subscribes bool // request is a SubscribeRequest
	resumes    bool // it is a subscription that resumes
	progress   bool // it is a subscription that asks for progress
	reads      bool // request is a ReadRequest
	// patience returns for how long a stream that ended may be opened again, or 0 if it
	// may not.
	patience func(ending) time.Duration
	// atClose is the error of Next after the client is closed.
	atClose error
	coded   bool // errors have the code of the server's answer
	// missing is the error for a server that does not have the method; nil for that of the
	// server.
	missing error

	caller context.Context
	ctx    context.Context // done with the caller's, or when the client is closed
	cancel func()          // nil before the first Next

	stream    *grpcclient.Stream // nil if it must be opened
	release   func()             // releases the place of stream in the pool
	opened    time.Time          // when stream was opened
	answered  bool               // the server's headers have been received
	delivered bool               // a message has been returned
	last      uint64             // up to where a subscription has been received
	read      readProgress       // if the client has several servers
	continued bool               // stream continues a read
	attempts  attempts
	err       error // why the messages ended
}

// start prepares the first Next.
func (m *Messages) start() {
	ctx, cancel := context.WithCancel(m.caller)
	unlink := context.AfterFunc(m.client.closing, cancel)
	m.ctx, m.cancel = ctx, func() { unlink(); cancel() }
	m.attempts.servers = m.client.servers
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
		if m.continued && m.read.whole {
			m.end(io.EOF) // the server would send events that are not in the snapshot
			break
		}
		message, err := m.receive()
		if err == nil {
			message, err = m.note(message)
		}
		switch {
		case err == nil && message != nil:
			m.attempts.succeeded()
			m.answered, m.delivered = true, true
			return message, nil
		case m.isComplete():
			m.end(io.EOF)
		case errors.As(err, new(unreadableError)):
			m.end(err)
		case err != nil:
			m.resend(err)
		}
	}
	return nil, m.err
}

// resend prepares another attempt after a stream has ended, or ends the messages.
func (m *Messages) resend(err error) {
	d := m.judge(err)
	if !m.attempts.retry(m.ctx, m.reason(err), d) {
		m.end(m.explain(err, d.patience > 0))
		return
	}
	m.releaseStream()
	m.continued = m.reads && m.delivered
}

// isComplete reports whether all events of a read were returned, so that it does not matter how
// its stream ends.
func (m *Messages) isComplete() bool {
	return m.client.servers.several() && m.reads && m.delivered && m.ctx.Err() == nil && m.read.isComplete(m.request)
}

// judge returns what follows from the end of a stream.
func (m *Messages) judge(err error) decision {
	d := decision{patience: m.patience(ending{err: err, answered: m.answered, delivered: m.delivered})}
	if !m.client.servers.several() || m.coded || errors.Is(err, io.EOF) && !m.resumes {
		return d
	}
	continues := m.reads && m.delivered && m.read.canContinue(m.request)
	if continues && isTemporary(err) {
		d.patience = callPatience
	}
	why := m.reason(err)
	d.elsewhere = d.patience > 0 || isOfServer(why) && (!m.delivered || (m.resumes || continues) && !errors.Is(why, dcb.ErrTransport))
	d.avoid = d.elsewhere
	return d
}

// reason returns the error of an attempt.
func (m *Messages) reason(err error) error {
	if errors.Is(err, io.EOF) {
		return errStopped
	}
	if m.missing != nil && status.Code(err) == codes.Unimplemented {
		return m.missing
	}
	return toError(err)
}

// note records what the caller receives with a message, and returns the message to be returned,
// or nil for none.
func (m *Messages) note(message []byte) ([]byte, error) {
	switch {
	case m.subscribes:
		s, err := record.Summarize(message)
		if err != nil {
			return nil, unreadable(err)
		}
		m.last = max(m.last, s.Last, s.Checked)
		m.client.servers.saw(max(m.last, s.Head))
	case m.reads && m.client.servers.several():
		return m.noteRead(message)
	}
	return message, nil
}

// unreadable returns the error for a malformed message of the server.
func unreadable(err error) error {
	return &dcb.Error{Kind: dcb.ErrTransport, Detail: "the server's answer cannot be read", Cause: unreadableError{err}}
}

// unreadableError is why a message cannot be decoded.
type unreadableError struct{ error }

// Unwrap returns the error of the decoder.
func (e unreadableError) Unwrap() error { return e.error }

// receive waits for a message. It opens the stream if that is necessary.
func (m *Messages) receive() ([]byte, error) {
	if m.stream == nil {
		opened := time.Now()
		request := record.ResumeAfter(m.request, m.last)
		if m.continued {
			request = m.read.continuation(m.request)
		}
		r := &grpcclient.Request{Method: m.method, Message: request}
		if m.progress {
			r.Fields = withProgress
		}
		stream, release, err := m.attempts.next().open(m.ctx, r)
		if err != nil {
			return nil, err
		}
		m.stream, m.release, m.opened = stream, release, opened
	}
	message, err := m.stream.Next()
	if err != nil && (!m.answered || m.attempts.hasFailed()) {
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
		m.attempts.reset()
	}
}

// explain converts the error of a stream to the one that ends the messages.
// resumable is set if the stream could have been opened again in time.
func (m *Messages) explain(err error, resumable bool) error {
	stopped, ended := errors.Is(err, io.EOF), contextError(m.caller)
	switch {
	case stopped && !resumable:
		return io.EOF
	case ended != nil:
		return toError(ended)
	case m.client.closing.Err() != nil:
		return m.atClose
	case m.coded:
		return withCode(err)
	}
	return m.attempts.explain(m.reason(err))
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
