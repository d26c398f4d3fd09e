package grpcclient

import (
	"errors"
	"time"
)

var keepAlivePing = [8]byte{'s', 't', 'i', 'l', 'l', 'u', 'p', '?'}

// maxKeepAlive is up to when a server can delay pings by demanding it again and again.
const maxKeepAlive = time.Hour

// errIdle is why a session without calls was closed.
var errIdle = errors.New("the connection was idle")

// startKeepAlive starts the timer of a session.
func (s *session) startKeepAlive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idleSince = s.lastRead.Load()
	s.timer = time.AfterFunc(time.Duration(s.conn.keepAlive.Load()), s.tick)
	s.tickLocked()
}

// tick is called when something may have to be done.
func (s *session) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tickLocked()
}

// tickLocked pings a silent server, and closes the connection if the server has not answered
// or there was no call for long. The caller must hold mu.
func (s *session) tickLocked() {
	if s.err != nil {
		return
	}
	o := &s.conn.options
	now, last, keepAlive := time.Now().UnixNano(), s.lastRead.Load(), s.conn.keepAlive.Load()
	if last >= s.pinged {
		s.pinged = 0
	}
	idleSince := s.idleSince
	if len(s.calls) > 0 {
		idleSince = now
	}
	switch {
	case o.IdleTimeout > 0 && now-idleSince >= int64(o.IdleTimeout):
		s.closeLocked(errIdle)
		return
	case s.pinged != 0 && now-s.pinged >= int64(o.KeepAliveTimeout):
		s.closeLocked(errSilent)
		return
	}
	ping := s.pinged == 0 && now-last >= keepAlive
	if ping {
		s.pinged = now
	}
	next := last + keepAlive
	if s.pinged != 0 {
		next = s.pinged + int64(o.KeepAliveTimeout)
	}
	if o.IdleTimeout > 0 {
		next = min(next, idleSince+int64(o.IdleTimeout))
	}
	s.timer.Reset(time.Duration(next - now))
	if ping {
		s.output.sendPing(keepAlivePing)
		s.flushLocked()
	}
}
