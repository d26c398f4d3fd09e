package grpcclient

import (
	"context"
	"io"
)

// Stream is a call whose response is a stream of messages. It must not be used by several
// goroutines at the same time.
type Stream struct {
	ctx  context.Context
	call *call // nil after Close
	err  error // why there are no more messages, or nil
	// headers is set if the server had sent headers when the stream ended.
	headers bool
}

// Open makes a call whose response is a stream. It returns when the request is in the output
// of the connection. The request must not be changed before Open returns. The stream ends when ctx is
// done, and must be closed.
func (c *Conn) Open(ctx context.Context, method string, request []byte) (*Stream, error) {
	return c.OpenRequest(ctx, &Request{Method: method, Message: request})
}

// OpenRequest is Open for a call that may have header fields of its own.
func (c *Conn) OpenRequest(ctx context.Context, r *Request) (*Stream, error) {
	call, err := c.start(ctx, false, r)
	if err != nil {
		return nil, err
	}
	return &Stream{ctx: ctx, call: call}, nil
}

// Next returns the next message, which is valid until the next call of a method. It returns
// io.EOF if the server has ended the stream without an error, and otherwise an *Error.
func (s *Stream) Next() ([]byte, error) {
	if s.err != nil {
		return nil, s.err
	}
	c := s.call
	session := c.session
	if err := s.ctx.Err(); err != nil {
		session.cancel(c, contextError(err, false))
		s.headers, s.err = c.headers, contextError(err, false)
		return nil, s.err
	}
	session.mu.Lock()
	defer session.mu.Unlock()
	for {
		message, found := c.inbox.next()
		switch {
		case found:
			session.release(c, min(c.held, uint32(prefixSize+len(message))))
			session.flushLocked()
			return message, nil
		case c.ended:
			s.headers = c.headers
			if s.err = io.EOF; c.err != nil {
				s.err = c.failure(s.ctx)
			}
			return nil, s.err
		}
		// The bytes of the message that arrives are wanted: it may be larger than the window.
		c.waits = true
		session.release(c, c.held)
		session.flushLocked()
		session.mu.Unlock()
		select {
		case <-c.signal:
		case <-s.ctx.Done():
			session.cancel(c, contextError(s.ctx.Err(), false))
		}
		session.mu.Lock()
		c.waits = false
	}
}

// HasHeaders reports whether the server had sent headers when the stream ended. A status
// alone is not counted.
func (s *Stream) HasHeaders() bool { return s.headers }

// Close ends the call and releases its resources. It may be called again.
func (s *Stream) Close() {
	if s.call == nil {
		return
	}
	session := s.call.session
	session.cancel(s.call, errClosed)
	session.conn.recycle(s.call)
	s.call = nil
	if s.err == nil {
		s.err = errClosed
	}
}
