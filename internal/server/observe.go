package server

import (
	"net"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/umadb-go/umadb/internal/record"
)

// CallRecord describes a call that has ended. Logs and traces of calls are made of it. Its
// texts are valid UTF-8, whatever the client has sent: one that is not would make the export
// of all traces fail.
type CallRecord struct {
	Name   string // service and method, for example "umadb.v1.DCB/Append"; "unknown" if there is none
	Method string // the path, for example "/umadb.v1.DCB/Append"; the client may have invented it
	Peer   net.Addr
	Key    string // the name of the API key; empty if the client has none

	Start    time.Time     // when the headers arrived
	Duration time.Duration // until nothing of the call was left
	Code     codes.Code    // of the status
	Message  string        // of the status
	// LongLived reports that the client decides how long the call lasts: it is a
	// subscription, a watch or another stream, but not a read.
	LongLived bool

	Events        int   // events appended, or sent to the client
	RequestBytes  int64 // size of the request message; 0 if it did not arrive
	ResponseBytes int64 // size of all response messages
	// Query is the query of a read, of a subscription or of an append's condition,
	// shortened. It is empty if there is none.
	Query string
	// Append is how long the parts of an append took; nil for other methods.
	Append *record.AppendTimes

	UserAgent   string
	Traceparent string // the header of W3C Trace Context, not validated; may be empty
}

// observeStart counts a call whose headers have arrived.
func (s *Server) observeStart(c *call) {
	c.method.started.Add(1)
	if s.onCall.Load() != nil {
		c.record = new(CallRecord)
	}
}

// SetOnCall sets the function that is called with a record of each call that has ended and
// that starts from now on. It must return at once and must not panic, because it is called by
// goroutines that serve others, with the connection locked. It may keep the record. It may be
// called once more while SetOnCall replaces it. nil, the default, costs nothing.
func (s *Server) SetOnCall(do func(*CallRecord)) {
	if do == nil {
		s.onCall.Store(nil)
		return
	}
	s.onCall.Store(&do)
}

// observeEnd counts a call of which nothing is left.
func (s *Server) observeEnd(c *call) {
	duration := time.Since(c.Started())
	if !c.answered {
		c.ended(c.unserved())
	}
	c.method.observe(c.code, duration)
	if c.key != nil {
		c.key.usage.ended(c.code)
	}
	r, onCall := c.record, s.onCall.Load()
	if r == nil || onCall == nil {
		return
	}
	header := c.Header()
	r.Name, r.Method = c.method.name, validUTF8(header.Method)
	r.Peer, r.Key = c.connection.RemoteAddr(), c.key.name()
	r.Start, r.Duration, r.Code = c.Started(), duration, c.code
	p := c.progress.Load()
	r.LongLived = c.method.class == lasting && (p == nil || !p.reads || p.subscribe)
	if p != nil && p.reads {
		r.Events, r.Query = int(p.events.Load()), shortQuery(p.query)
	}
	r.UserAgent, r.Traceparent = validUTF8(header.Get("user-agent")), validUTF8(header.Get("traceparent"))
	(*onCall)(r)
}

// validUTF8 returns a text with a mark in place of each part that is not valid UTF-8.
func validUTF8(text string) string { return strings.ToValidUTF8(text, "\ufffd") }

// The client or the connection has ended a call that no handler has answered, or its time
// has passed before its request arrived.
var (
	cancelled = status.New(codes.Canceled, "the call was cancelled before it was served")
	expired   = status.New(codes.DeadlineExceeded, "the request did not arrive in time")
)

// unserved returns the status of a call that ended before it was served.
func (c *call) unserved() *status.Status {
	if deadline := c.Deadline(); !deadline.IsZero() && !time.Now().Before(deadline) {
		return expired
	}
	return cancelled
}

// ended records the status of a call.
func (c *call) ended(st *status.Status) {
	c.code, c.answered = st.Code(), true
	if c.record != nil {
		c.record.Message = validUTF8(st.Message())
		if c.code != codes.OK && c.record.Append != nil {
			c.record.Events = 0
		}
	}
}

// received records the size of the request message.
func (c *call) received(bytes int) {
	if c.record != nil {
		c.record.RequestBytes = int64(bytes)
	}
}

// appends records what an append does, and has the store measure it.
func (c *call) appends(request *record.AppendRequest) {
	if c.record == nil {
		return
	}
	c.record.Events, c.record.Append = request.Count, &record.AppendTimes{Start: time.Now()}
	request.Times = c.record.Append
	if request.Condition != nil { // now, because it may alias the request
		c.record.Query = shortQuery(request.Condition.FailIfEventsMatch)
	}
}

// sent records the size of a message that is sent.
func (c *call) sent(bytes int) {
	if c.record != nil {
		c.record.ResponseBytes += int64(bytes)
	}
}

// sentMessage is sent for a message that is not encoded.
func (c *call) sentMessage(message any) {
	if m, ok := message.(proto.Message); ok && c.record != nil {
		c.sent(proto.Size(m))
	}
}

// Reply is Stream.Reply.
func (c *call) Reply(message []byte) {
	c.code, c.answered = codes.OK, true
	if c.record != nil {
		c.record.ResponseBytes = int64(len(message))
	}
	c.addTrailer(c.seen.trailer())
	c.Stream.Reply(message)
}

// Fail is Stream.Fail.
func (c *call) Fail(st *status.Status, trailer metadata.MD) {
	c.ended(st)
	if own := c.seen.trailer(); own != nil {
		trailer = metadata.Join(trailer, own)
	}
	c.Stream.Fail(st, trailer)
}
