package transport

import (
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// OnCancel sets a function that is called, in its own goroutine, if an inline call ends
// before it is answered, or by Server.Cancel.
func (s *Stream) OnCancel(cancel func()) {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	switch {
	case s.phase == answered:
	case s.ended != nil:
		go cancel()
	default:
		s.cancel = cancel
	}
}

// runCancel calls what OnCancel has set. The caller must hold mu.
func (s *Stream) runCancel() {
	if s.cancel != nil {
		go s.cancel()
		s.cancel = nil
	}
}

// answer records that an inline call is answered, and reports whether the answer is still
// wanted. The caller must hold mu.
func (c *conn) answer(s *Stream) bool {
	s.cancel = nil
	s.phase = answered
	if s.ended != nil {
		c.server.handler.Release(s)
	}
	return s.ended == nil
}

// lockAttempts is how often tryLock tries to lock: about as long as mu is usually held.
const lockAttempts = 100

// tryLock locks mu unless others hold it for long, as a client can bring about with frames
// that concern many calls.
func (c *conn) tryLock() bool {
	for range lockAttempts {
		if c.mu.TryLock() {
			return true
		}
	}
	return false
}

// Reply answers an inline call with a message, and the trailer that SetTrailer has set. It does
// not wait.
func (s *Stream) Reply(message []byte) {
	if s.conn.tryLock() {
		s.replyAndUnlock(message)
		return
	}
	message = append([]byte(nil), message...)
	go func() {
		s.conn.mu.Lock()
		s.replyAndUnlock(message)
	}()
}

// replyAndUnlock is Reply for callers that hold mu.
func (s *Stream) replyAndUnlock(message []byte) {
	c := s.conn
	defer c.mu.Unlock()
	if !c.answer(s) {
		return
	}
	if c.output.fits(message, s.window) {
		c.output.answer(s.id, message)
		c.endAnswer(s)
	} else {
		c.sendStart(s)
		s.blockedAnswer = append(prefix(len(message)), message...)
		c.output.blocked = append(c.output.blocked, s)
		if c.sendRest(s); s.ended == nil {
			c.server.handler.Blocked(s)
		}
	}
	c.flushSoon()
}

// answerBlocked sends what the windows allow of the answers that wait for them. The caller
// must hold mu.
func (c *conn) answerBlocked() {
	o := &c.output
	for i := 0; i < len(o.blocked) && o.window > 0; {
		s := o.blocked[i]
		if c.sendRest(s); s.ended == nil {
			i++
		}
	}
}

// sendRest sends what the windows allow of a blocked answer. If that is all of it, the
// call ends. The caller must hold mu.
func (c *conn) sendRest(s *Stream) {
	o := &c.output
	for len(s.blockedAnswer) > 0 {
		n := min(int64(len(s.blockedAnswer)), maxFrame, o.window, s.window)
		if n <= 0 {
			return
		}
		o.window -= n
		s.window -= n
		copy(o.data(s.id, int(n)), s.blockedAnswer)
		s.blockedAnswer = s.blockedAnswer[n:]
	}
	c.endAnswer(s)
}

// endAnswer appends the trailers of a successful inline call. The caller must hold mu.
func (c *conn) endAnswer(s *Stream) {
	c.output.field("grpc-status", statusOK)
	s.encode(s.trailer)
	c.output.headers(s.id, true)
	c.end(s, errEnded)
}

// Fail ends an inline call with a status. It does not wait.
func (s *Stream) Fail(st *status.Status, trailer metadata.MD) {
	if s.conn.tryLock() {
		s.failAndUnlock(st, trailer)
		return
	}
	go func() {
		s.conn.mu.Lock()
		s.failAndUnlock(st, trailer)
	}()
}

// failAndUnlock is Fail for callers that hold mu.
func (s *Stream) failAndUnlock(st *status.Status, trailer metadata.MD) {
	c := s.conn
	defer c.mu.Unlock()
	if c.answer(s) {
		c.finish(s, st, trailer)
		c.flushSoon()
	}
}
