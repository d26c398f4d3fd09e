package grpcclient

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
)

// call is a call in progress. It is reused, so only its caller and, until it has ended, its
// session may refer to it.
type call struct {
	session *session
	unary   bool
	fields  []hpack.HeaderField // of Request
	// signal has capacity 1. It is sent on when the call may continue.
	signal chan struct{}

	// What follows is guarded by session.mu until the call has ended.
	id       uint32
	sendable int64 // the flow-control window for the request
	whole    bool  // the request is in the output
	sent     int64 // where in the output the headers end, or the request if it is whole
	waited   bool  // for something before the request was in the output
	blocked  bool  // it is in session.blocked
	inbox    inbox
	window   int64  // how many bytes the server may send
	held     uint32 // bytes that were not read
	unsent   uint32 // bytes that were read and not added to the window again
	waits    bool   // the reader waits for the message that arrives: its bytes are read at once
	headers  bool   // the server has sent headers
	ended    bool
	err      *Error // nil if the call has succeeded
}

// newCall returns a call that has not started. It is of the pool of the Conn: a channel must
// not be used by the tests of several bubbles of package synctest.
func (c *Conn) newCall(unary bool) *call {
	unused, ok := c.calls.Get().(*call)
	if !ok {
		unused = &call{signal: make(chan struct{}, 1)}
	}
	unused.unary = unary
	unused.inbox.buffers, unused.inbox.limit = c.options.Buffers, c.options.MaxMessage
	unused.window = int64(c.options.StreamWindow)
	return unused
}

// recycle makes a call that has ended available for others.
func (c *Conn) recycle(ended *call) {
	ended.inbox.free()
	select {
	case <-ended.signal:
	default:
	}
	*ended = call{signal: ended.signal, inbox: ended.inbox}
	c.calls.Put(ended)
}

// notify lets the caller continue.
func (c *call) notify() {
	select {
	case c.signal <- struct{}{}:
	default:
	}
}

// errRetired is returned for a call that must use another session.
var errRetired = errors.New("the session accepts no more calls")

// maxTries is how often a call is made that the server has certainly not processed.
const maxTries = 3

// start makes a call, on another session if the first accepts no more calls. If it succeeds,
// signal is sent on when the call ends.
func (c *Conn) start(ctx context.Context, unary bool, r *Request) (*call, error) {
	for try := 1; ; try++ {
		s, err := c.session(ctx)
		if err != nil {
			return nil, err
		}
		call := c.newCall(unary)
		call.fields = r.Fields
		switch err := s.send(ctx, call, r.Method, r.Message); {
		case err == nil:
			return call, nil
		case err != errRetired:
			return nil, err
		case try == maxTries:
			return nil, unavailable(errDrained)
		}
	}
}

// Request is what is sent for a call.
type Request struct {
	Method  string
	Message []byte
	// Fields are header fields of this call only. Names are in lower case.
	Fields []hpack.HeaderField
}

// Invoke makes a unary call. It appends the response to buffer, and returns it. The request
// must not be changed before Invoke returns. The error is an *Error.
func (c *Conn) Invoke(ctx context.Context, method string, request, buffer []byte) ([]byte, error) {
	return c.Call(ctx, &Request{Method: method, Message: request}, buffer)
}

// Call is Invoke for a call that may have header fields of its own.
func (c *Conn) Call(ctx context.Context, r *Request, buffer []byte) ([]byte, error) {
	for try := 1; ; try++ {
		call, err := c.start(ctx, true, r)
		if err != nil {
			return nil, err
		}
		response, failed := call.await(ctx, buffer)
		c.recycle(call)
		switch {
		case failed == nil:
			return response, nil
		case try == maxTries || !failed.NotProcessed || failed.HTTP != 0 || ctx.Err() != nil:
			return nil, failed
		}
	}
}

// await waits for the response of a unary call, and appends it to buffer.
func (c *call) await(ctx context.Context, buffer []byte) ([]byte, *Error) {
	if done := ctx.Done(); done == nil {
		<-c.signal
	} else {
		select {
		case <-c.signal:
		case <-done:
			c.session.cancel(c, contextError(ctx.Err(), false))
		}
	}
	if c.err != nil {
		return nil, c.failure(ctx)
	}
	message, found := c.inbox.next()
	if !found {
		return nil, internal("the server has sent no message")
	}
	return append(buffer, message...), nil
}

// failure returns the error of a call that has failed. A server that notices first that the
// deadline has passed may just reset the stream.
func (c *call) failure(ctx context.Context) *Error {
	deadline, ok := ctx.Deadline()
	if ok && c.err.Code == codes.Canceled && !c.err.Answered && !time.Now().Before(deadline) {
		return contextError(context.DeadlineExceeded, false)
	}
	return c.err
}

// send sends a call. It returns when the request is in the output or the call has ended. It
// returns errRetired if nothing was sent because the session accepts no more calls.
func (s *session) send(ctx context.Context, c *call, method string, request []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.session = s
	if err := s.admit(ctx, c); err != nil {
		return err
	}
	c.id = s.nextID
	s.nextID += 2
	s.calls[c.id] = c
	c.sendable = s.output.streamWindow
	deadline, _ := ctx.Deadline()
	s.output.request(c, method, deadline)
	c.sent = s.output.end()
	if err := s.sendMessage(ctx, c, request); err != nil {
		return err
	}
	if c.waited {
		s.settle(c)
	}
	s.flushLocked()
	if s.nextID > maxStreamID {
		s.retire()
	}
	return nil
}

// settle makes the end of a call the only reason to send on its signal. The caller must hold
// mu.
func (s *session) settle(c *call) {
	select {
	case <-c.signal:
	default:
	}
	if c.ended {
		c.notify()
	}
}

// admit waits until the call may start. The caller must hold mu, and must add the call to
// calls before it releases mu.
func (s *session) admit(ctx context.Context, c *call) error {
	if err := ctx.Err(); err != nil {
		return contextError(err, true)
	}
	for !s.draining && len(s.output.bytes) >= maxOutput {
		if err := s.wait(ctx, c); err != nil {
			return contextError(err, true)
		}
	}
	if !s.draining && (len(s.queue) > 0 || uint32(len(s.calls))+s.granted >= s.maxCalls) {
		if err := s.enqueue(ctx, c); err != nil {
			return err
		}
	}
	if s.draining {
		return errRetired
	}
	return nil
}

// enqueue waits while the server allows no more calls. The caller must hold mu.
func (s *session) enqueue(ctx context.Context, c *call) error {
	c.waited = true
	s.queue = append(s.queue, c)
	s.mu.Unlock()
	var err error
	select {
	case <-c.signal:
	case <-ctx.Done():
		err = contextError(ctx.Err(), true)
	}
	s.mu.Lock()
	switch i := slices.Index(s.queue, c); {
	case i >= 0: // not granted
		s.queue = slices.Delete(s.queue, i, i+1)
	case s.granted > 0:
		s.granted--
		if err != nil {
			s.grant()
		}
	}
	return err
}

// grant lets the calls start that have waited and that the server allows. The caller must
// hold mu.
func (s *session) grant() {
	for len(s.queue) > 0 && uint32(len(s.calls))+s.granted < s.maxCalls {
		s.granted++
		s.queue[0].notify()
		s.queue = slices.Delete(s.queue, 0, 1)
	}
}

// wait waits for the output or a window. The caller must hold mu.
func (s *session) wait(ctx context.Context, c *call) error {
	c.waited, c.blocked = true, true
	s.blocked = append(s.blocked, c) // first, because flushLocked releases mu
	s.flushLocked()
	s.mu.Unlock()
	var err error
	select {
	case <-c.signal:
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.mu.Lock()
	if c.blocked { // not woken by wakeBlocked
		c.blocked = false
		i := slices.Index(s.blocked, c)
		s.blocked = slices.Delete(s.blocked, i, i+1)
	}
	return err
}

// end ends a call. The caller must hold mu, and must not use the call afterwards.
func (s *session) end(c *call, err *Error) {
	delete(s.calls, c.id)
	c.ended, c.err = true, err
	if len(s.calls) == 0 && s.conn.options.IdleTimeout > 0 {
		s.idleSince = time.Now().UnixNano()
	}
	c.notify()
	s.grant()
	s.closeIfDrained()
}

// abort ends a call and resets its stream. The caller must hold mu.
func (s *session) abort(c *call, code http2.ErrCode, err *Error) {
	s.output.reset(c.id, code)
	s.end(c, err)
}

// cancel ends a call unless it has ended.
func (s *session) cancel(c *call, err *Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !c.ended {
		s.abort(c, http2.ErrCodeCancel, err)
		s.flushLocked()
	}
}
