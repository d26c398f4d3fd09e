package server

import (
	"errors"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/transport"
	"github.com/umadb-go/umadb/internal/wire"
)

// callClass is the kind of a call.
type callClass int

const (
	// anonymous is any call of a connection that has not authenticated a call.
	anonymous callClass = iota
	// lasting is a call that the client may keep open without a time limit.
	lasting
	// brief is any other call.
	brief
	callClasses
)

// calls bounds the memory of the calls in progress, for all connections together and for
// each. A quarter, 1/briefReserve, is reserved for brief calls. As in a capacity, a quarter
// of what a class of calls may use is reserved for connections with few calls, and other
// connections may use a third of what is left. A call that is the only one of its
// connection is always admitted, so that clients that make one call at a time are never
// refused.
type calls struct {
	most int64 // bytes
	used [callClasses]atomic.Int64
}

// call is a call that was admitted and was not released.
type call struct {
	*transport.Stream
	connection *connection
	method     *servedMethod
	class      callClass
	bytes      int64
	key        *key      // nil if none is required, or the client has none
	charged    bool      // the call was counted against the rates of its key
	denied     error     // why the call is not served, or nil
	seen       *seen     // what the client has seen; nil if it does not say so
	recordedAt bool      // the client wants to know when events were recorded
	reports    bool      // the client wants to know how far a subscription is
	unread     *inFlight // of an answer that waits for the client's windows; nil if there is none

	progress atomic.Pointer[progress] // nil if it does not send a stream of events

	code     codes.Code  // of its status; valid if answered is set
	answered bool        // its status is known
	record   *CallRecord // nil if calls are not recorded
}

func callOf(stream *transport.Stream) *call { return stream.State.(*call) }

// stopping is the status of a call that is refused or ended because the server is
// shutting down. An append with this status has no effect.
var (
	stopping    = status.New(codes.Unavailable, wire.Stopping)
	errStopping = stopping.Err()
)

// callHandler serves the calls of the transport.
type callHandler struct{ *Server }

var _ transport.Handler = callHandler{}

// Admit counts a call and authenticates it. Whether it may be served is decided by Serve,
// so that clients without the API key learn nothing about the methods.
func (h callHandler) Admit(stream *transport.Stream) error {
	header := stream.Header()
	c := &call{Stream: stream, connection: stream.Conn().(*connection), class: anonymous, bytes: callBytes}
	stream.State = c
	var keys, positions []string
	header.Fields(func(name, value string) {
		c.bytes += headerFieldBytes + int64(len(name)+len(value))
		switch name {
		case "authorization":
			keys = append(keys, value)
		case wire.MinPosition:
			positions = append(positions, value)
		case wire.With:
			c.recordedAt = c.recordedAt || wire.HasWord(value, wire.WithRecordedAt)
			c.reports = c.reports || wire.HasWord(value, wire.WithProgress)
		}
	})
	if c.method = h.methods[header.Method]; c.method == nil {
		c.method = h.unknown
	}
	h.observeStart(c)
	err := h.admit(c, header.Method, keys)
	if len(positions) > 0 && err == nil && c.denied == nil && !c.method.open {
		c.seen, c.denied = h.newSeen(positions)
	}
	if err != nil {
		err = c.status(err)
		c.ended(status.Convert(err))
		h.observeEnd(c)
	}
	return err
}

// admit admits or refuses a call with these authorization headers.
func (s *Server) admit(c *call, name string, keys []string) error {
	if !isMethodName(name) {
		return status.Errorf(codes.Unimplemented, "%.200q is not a method name", name)
	}
	if !c.method.open {
		if s.stopping.Err() != nil {
			return errStopping
		}
		s.authorize(c, keys)
	}
	if c.connection.authenticated.Load() {
		c.class = c.method.class
	}
	if s.calls.isShort() {
		s.press()
	}
	if err := s.calls.admit(c); err != nil {
		s.notices.Warn(refusedCalls, c.connection.RemoteAddr())
		if c.method.appends {
			s.appends.refused()
		}
		return err
	}
	return nil
}

// authorize sets the key of a call with these authorization headers, or the error with which
// it will be denied.
func (s *Server) authorize(c *call, headers []string) {
	c.key, c.denied = s.auth.authenticate(headers, c.connection.peer.Load())
	if c.denied != nil {
		return
	}
	c.connection.key.Store(c.key)
	if !c.connection.authenticated.Load() {
		c.connection.userAgent.Store(new(strings.Clone(c.Header().Get("user-agent"))))
		c.connection.authenticated.Store(true)
		s.conns.authenticated(c.connection)
	}
	c.denied = c.key.permits(access{anyOf: c.method.rights})
}

// Begin serves a call without a goroutine, if that is possible. After a panic, Serve serves
// the call.
func (h callHandler) Begin(stream *transport.Stream, request []byte) bool {
	c := callOf(stream)
	defer h.recoverPanic(c, new(error))
	c.received(len(request))
	return c.denied == nil && h.stopping.Err() == nil && c.method.begin(h.Server, c, request)
}

// Serve refuses a call that is denied, or calls its handler, recovers from a panic, and
// converts the error of the handler to a status.
func (h callHandler) Serve(stream *transport.Stream) (err error) {
	c := callOf(stream)
	defer func() {
		err = c.status(err)
		c.addTrailer(c.seen.trailer())
		c.ended(status.Convert(err))
	}()
	defer func() { h.noteRefusal(c, err) }()
	defer h.recoverPanic(c, &err)
	if c.denied != nil {
		return c.denied
	}
	if c.key == nil || !c.key.revocable || c.method.class != lasting {
		return c.method.serve(h.Server, c)
	}
	defer func() {
		if ended := h.leave(c); ended != nil {
			err = ended
		}
	}()
	if err := h.enter(c, access{anyOf: c.method.rights}); err != nil {
		return err
	}
	return c.method.serve(h.Server, c)
}

// Blocked records that the client does not read the answer of a call.
func (h callHandler) Blocked(stream *transport.Stream) {
	c := callOf(stream)
	c.unread = &inFlight{bytes: c.bytes, started: time.Now()}
	c.connection.track(c.unread)
}

// SendMsg is Stream.SendMsg. While it waits for the client's windows, the call is counted as
// one whose answer is not read.
func (c *call) SendMsg(message any) error {
	c.sentMessage(message)
	p := &inFlight{bytes: c.bytes, started: time.Now()}
	c.connection.track(p)
	defer c.connection.untrack(p)
	return c.Stream.SendMsg(message)
}

// Release releases the memory of a call.
func (h callHandler) Release(stream *transport.Stream) {
	c := callOf(stream)
	if c.unread != nil {
		c.connection.untrack(c.unread)
	}
	h.calls.release(c)
	h.observeEnd(c)
}

// noteRefusal logs that a call was refused because of its key or of a limit.
func (s *Server) noteRefusal(c *call, err error) {
	from := c.connection.RemoteAddr()
	if over, refused := errors.AsType[*overRate](err); refused {
		s.notices.WarnKey(refusedRate, over.key, from)
		return
	}
	if over, refused := errors.AsType[*limited](err); refused {
		s.notices.Warn(over.kind, from)
		if over.kind == refusedMemory && c.method.appends {
			s.appends.refused()
		}
		return
	}
	switch {
	case errors.Is(err, record.ErrNoSpace):
		s.notices.Warn(refusedDisk, from)
	case errors.Is(err, wire.ErrPermission):
		s.notices.WarnKey(refusedRight, c.key.name(), from)
	case errors.Is(err, dcb.ErrAuthentication):
		s.notices.Warn(refusedKey, from)
	}
}

// recoverPanic recovers from a panic and stores an error in err. It must be deferred.
func (s *Server) recoverPanic(c *call, err *error) {
	if cause := recover(); cause != nil {
		s.log.Error("a handler panicked", "method", c.Method(), "panic", cause, "stack", string(debug.Stack()))
		*err = &dcb.Error{Kind: dcb.ErrInternal, Detail: "the server failed to handle the call"}
	}
}

// status converts the error of a handler to the status of the call, and sets the trailer.
func (c *call) status(err error) error {
	if err == nil {
		return nil
	}
	st, trailer := wire.ToStatus(err, c.Header().Get("user-agent"))
	if refused, passes := errors.AsType[interface {
		error
		trailer() metadata.MD
	}](err); passes {
		trailer = refused.trailer()
	}
	c.SetTrailer(trailer)
	return st.Err()
}

// admit counts a call, or fails with RESOURCE_EXHAUSTED.
func (s *calls) admit(c *call) error {
	own := c.connection.used[c.class].Add(c.bytes)
	s.used[c.class].Add(c.bytes)
	bound, left := s.available(c.class)
	whose := [callClasses]string{"calls of a connection that has not authenticated", "reads and subscriptions", "calls"}[c.class]
	switch {
	case c.connection.callsUsed() == c.bytes:
		return nil
	case c.class == anonymous && own > anonymousCalls*callBytes:
	case own <= fewCalls*callBytes && left >= 0, own <= left/lastShare, own <= shareOf(left, bound):
		return nil
	}
	s.release(c)
	return refuse(refusedCalls, "too many %s are in progress: this connection uses %d KiB, and %d KiB are left for others; end some, or try again later", whose, (own-c.bytes)>>10, max(left, 0)>>10)
}

// release stops counting a call.
func (s *calls) release(c *call) {
	c.connection.used[c.class].Add(-c.bytes)
	s.used[c.class].Add(-c.bytes)
}

// available returns how many bytes a class of calls may use at the moment, and how many
// of them are left.
func (s *calls) available(class callClass) (bound, left int64) {
	others := s.used[anonymous].Load() + s.used[lasting].Load() // calls that are not brief
	most := s.most - s.most/briefReserve                        // maximum of these
	bound = s.most - min(others, most)                          // those above most are single calls of their connections
	left = bound - s.used[brief].Load()
	if class == brief {
		return bound, left
	}
	bound, left = most, min(left, most-others)
	if class == anonymous {
		bound = s.most / anonymousShare
		left = min(left, bound-s.used[anonymous].Load())
	}
	return bound, left
}

// isShort reports whether less than a quarter is left for all calls or for lasting calls.
func (s *calls) isShort() bool {
	_, all := s.available(brief)
	bound, left := s.available(lasting)
	return all < s.most/4 || left < bound/4
}

// isMethodName reports whether a path has the form "/service/method".
func isMethodName(path string) bool {
	return strings.HasPrefix(path, "/") && strings.LastIndexByte(path, '/') > 0
}
