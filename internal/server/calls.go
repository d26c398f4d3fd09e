package server

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

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

// call is a call in progress. It exists from before the transport creates a stream for it
// until the transport has written the end of the stream.
type call struct {
	grpc.ServerStream // set by guard
	connection        *connection
	class             callClass
	bytes             int64
	denied            error        // the authentication error, or nil
	pending           atomic.Int64 // number of messages not written yet, plus 1 for the handler
	ctx               context.Context

	started bool           // guarded by connection.mu; its handler has started
	body    transport.Body // guarded by connection.mu; from which the request is received, if awaited is set
	awaited time.Time      // guarded by connection.mu; when receiving started
	aborted *status.Status // guarded by connection.mu; why receiving was aborted, or nil
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// admit admits or refuses a call before the transport creates a stream for it. It runs in
// the goroutine that reads the connection.
func (s *Server) admit(ctx context.Context, method string, header metadata.MD) (context.Context, error) {
	c := &call{connection: connectionOf(ctx), class: anonymous, bytes: callBytes + headerBytes(header)}
	if !isMethodName(method) {
		return nil, c.connection.refuse(status.Errorf(codes.Unimplemented, "%.200q is not a method name", method))
	}
	if s.stopping.Err() != nil && !openMethods[method] {
		return nil, c.connection.refuse(errStopping)
	}
	c.denied = s.auth.authenticate(ctx, method)
	if c.denied == nil && !openMethods[method] && !c.connection.authenticated.Load() {
		c.connection.authenticated.Store(true)
		s.conns.authenticated(c.connection)
	}
	if c.connection.authenticated.Load() {
		c.class = classOf(method)
	}
	if s.calls.isShort() {
		s.press()
	}
	if err := s.calls.admit(c); err != nil {
		s.notices.Warn("calls are refused: too many are in progress", c.connection.RemoteAddr())
		if isAppend(method) {
			s.appends.refused()
		}
		return nil, c.connection.refuse(err)
	}
	c.pending.Store(1)
	c.ctx = context.WithValue(ctx, callKey{}, c)
	if !c.connection.admit(c) {
		c.connection.release(c.class, c.bytes)
		return nil, errClosed
	}
	return c.ctx, nil
}

// classOf returns the class of a call of an authenticated connection.
func classOf(method string) callClass {
	switch method[strings.LastIndexByte(method, '/')+1:] {
	case "Read", "Subscribe", "Watch", "ServerReflectionInfo":
		return lasting
	}
	return brief
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
	c.connection.release(c.class, c.bytes)
	return status.Errorf(codes.ResourceExhausted, "too many %s are in progress: this connection uses %d KiB, and %d KiB are left for others; end some, or try again later", whose, (own-c.bytes)>>10, max(left, 0)>>10)
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

// refuse counts a call that is refused before it has a stream, and closes the connection
// if its client keeps calling without reading the refusals.
func (c *connection) refuse(err error) error {
	if c.refused.Add(1) > maxUnreadRefusals && c.writing.Load() != 0 {
		c.Close()
	}
	return err
}

// headerBytes returns the approximate size in bytes of the headers of a call.
func headerBytes(header metadata.MD) (bytes int64) {
	for name, values := range header {
		bytes += headerFieldBytes + int64(len(name))
		for _, value := range values {
			bytes += headerFieldBytes + int64(len(value))
		}
	}
	return bytes
}

// isMethodName reports whether a path has the form "/service/method".
func isMethodName(path string) bool {
	return strings.HasPrefix(path, "/") && strings.LastIndexByte(path, '/') > 0
}

// start is called before the handler of a call. It reports whether the call is still in
// progress.
func (c *call) start(stream grpc.ServerStream) bool {
	c.ServerStream = stream
	return c.connection.start(c)
}

// end is called when the handler has returned. If the call was cancelled, the transport
// has dropped the stream and its messages.
func (c *call) end() {
	_ = c.connection.arrived(c) // if the request was not received
	if c.Context().Err() != nil || !c.connection.unwritten[c.class].add(c.bytes) {
		c.connection.ended(c.class, c.bytes)
		return
	}
	c.written()
}

// written is called when the handler has returned, and when a message has been
// written.
func (c *call) written() {
	if c.pending.Add(-1) == 0 && c.connection.unwritten[c.class].add(-c.bytes) {
		c.connection.ended(c.class, c.bytes)
	}
}

// SendMsg sends a message. A message that the handler has encoded is counted by its
// sendWindow; the memory of any other message is part of the call's until it is written.
func (c *call) SendMsg(message any) error {
	decoded, ok := message.(proto.Message)
	if !ok {
		return c.ServerStream.SendMsg(message)
	}
	slab := wire.Slabs.Get(max(proto.Size(decoded), wire.SmallSlab))
	encoded, err := proto.MarshalOptions{}.MarshalAppend((*slab)[:0], decoded)
	if err != nil {
		return err
	}
	*slab = encoded
	if !c.addPending() {
		return c.ServerStream.SendMsg(wire.NewSlabFrame(slab, nil)) // fails
	}
	return c.ServerStream.SendMsg(wire.NewSlabFrame(slab, c.written))
}

// addPending counts a message that will be written. It reports false if the call has been
// released: untilStopping does not wait for its handler, which may still send.
func (c *call) addPending() bool {
	for {
		n := c.pending.Load()
		if n == 0 {
			return false
		}
		if c.pending.CompareAndSwap(n, n+1) {
			return true
		}
	}
}
