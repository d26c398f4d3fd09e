package grpcclient

import (
	"bufio"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
)

const (
	// frameHeader is the size of the header of an HTTP/2 frame.
	frameHeader = 9
	// maxFrame is the maximum size of the content of a frame, in both directions. It is
	// what every peer allows.
	maxFrame = 16 << 10
	// maxWindow is the maximum size of a flow-control window (RFC 9113, section 6.9.1).
	maxWindow = 1<<31 - 1
	// defaultWindow is the size of a window before there are settings.
	defaultWindow = 1<<16 - 1
	// maxStreamID is the largest identifier of a stream.
	maxStreamID = 1<<31 - 1
)

// session is an HTTP/2 connection.
type session struct {
	conn *Conn
	raw  net.Conn // as it was dialled
	net  net.Conn // raw, or TLS over it

	// What follows belongs to the goroutine that reads the connection.
	reader   *bufio.Reader
	framer   *http2.Framer // reads frames
	answers  answerReader
	received uint32 // bytes that were not added to the window of the connection again

	lastRead atomic.Int64 // time of the last frame, in Unix ns

	mu       sync.Mutex
	output   output           // guarded by mu
	calls    map[uint32]*call // guarded by mu; calls in progress
	nextID   uint32           // guarded by mu; of the next stream
	maxCalls uint32           // guarded by mu; how many the server allows at a time
	queue    []*call          // guarded by mu; calls that wait for that, the oldest first
	granted  uint32           // guarded by mu; calls that have waited and may start
	blocked  []*call          // guarded by mu; calls that wait for the output or a window
	draining bool             // guarded by mu; the server accepts no more calls
	err      error            // guarded by mu; why the session was closed, or nil

	// For keepalive.go, guarded by mu.
	timer     *time.Timer
	pinged    int64 // when a ping was sent that was not answered, in Unix ns, or 0
	idleSince int64 // when the last call has ended, in Unix ns
}

func newSession(c *Conn, raw, conn net.Conn) *session {
	s := &session{
		conn:     c,
		raw:      raw,
		net:      conn,
		calls:    make(map[uint32]*call),
		nextID:   1,
		maxCalls: maxStreamID,
	}
	s.output.init(&c.options, c.address)
	s.answers.init(c.options.HeaderBytes)
	return s
}

// start starts the goroutine that reads the connection.
func (s *session) start() {
	s.touch()
	s.startKeepAlive()
	s.conn.running.Go(s.run)
}

// run reads the connection until it is closed.
func (s *session) run() {
	var err error
	for err == nil {
		err = s.next()
	}
	s.close(s.connectionError(err))
	s.conn.remove(s)
}

// next reads a frame and handles it. Before it waits for a frame, it writes the replies to
// those that have arrived.
func (s *session) next() error {
	waits := !s.isBuffered()
	if waits {
		if err := s.flushReplies(); err != nil {
			return err
		}
	}
	header, err := s.reader.Peek(frameHeader)
	if err != nil {
		return err
	}
	kind := http2.FrameType(header[3])
	frame, err := s.framer.ReadFrame()
	if err != nil && kind == http2.FrameHeaders && errors.As(err, new(http2.StreamError)) {
		// The framer does not return the header block, so the next ones cannot be decoded.
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	if waits {
		s.touch()
	}
	if err == nil {
		err = s.handle(frame)
	}
	if stream := (http2.StreamError{}); errors.As(err, &stream) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if c := s.calls[stream.StreamID]; c != nil {
			s.abort(c, stream.Code, internal("the server has violated the protocol of HTTP/2 (%v)", stream.Code))
		}
		return nil
	}
	return err
}

// touch records that the server has sent something.
func (s *session) touch() { s.lastRead.Store(time.Now().UnixNano()) }

// isBuffered reports whether a whole frame can be read without waiting.
func (s *session) isBuffered() bool {
	if s.reader.Buffered() < frameHeader {
		return false
	}
	header, _ := s.reader.Peek(frameHeader)
	length := int(header[0])<<16 | int(header[1])<<8 | int(header[2])
	return s.reader.Buffered() >= frameHeader+length
}

// connectionError converts the error that ended the session. If the server has violated the
// protocol, it is notified.
func (s *session) connectionError(err error) error {
	code := http2.ErrCodeProtocol
	var connection http2.ConnectionError
	switch {
	case errors.As(err, &connection):
		code = http2.ErrCode(connection)
	case errors.Is(err, http2.ErrFrameTooLarge):
		code = http2.ErrCodeFrameSize
	default:
		return &brokenError{err}
	}
	s.mu.Lock()
	s.output.goAway(code)
	s.mu.Unlock()
	s.flush()
	return &brokenError{err}
}

// brokenError is the error of calls whose connection broke.
type brokenError struct{ cause error }

func (e *brokenError) Error() string { return "the connection broke: " + dialError(e.cause).Error() }

// close closes the connection and ends its calls.
func (s *session) close(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeLocked(err)
}

// closeLocked is close for callers that hold mu.
func (s *session) closeLocked(err error) {
	if s.err != nil {
		return
	}
	s.err = err
	s.retire()
	failed := &Error{Code: codes.Unavailable, Message: err.Error()}
	if err == errClosing {
		failed.Code = codes.Canceled
	}
	for _, c := range s.calls {
		s.end(c, failed)
	}
	if s.timer != nil {
		s.timer.Stop()
	}
	s.raw.Close() // not s.net, which would wait for a write in progress
}

// retire makes new calls use another session. The caller must hold mu.
func (s *session) retire() {
	s.draining = true
	s.conn.ready.CompareAndSwap(s, nil)
	for _, c := range s.queue {
		c.notify()
	}
	s.queue = nil
	s.wakeBlocked()
	s.closeIfDrained()
}

// closeIfDrained closes the session when the last call has ended on a session that accepts
// no more. The caller must hold mu.
func (s *session) closeIfDrained() {
	if s.draining && len(s.calls) == 0 && s.err == nil {
		s.closeLocked(errDrained)
	}
}

var errDrained = errors.New("the server no longer accepts calls on this connection")

// wakeBlocked wakes the calls that wait for the output or a window. The caller must hold mu.
func (s *session) wakeBlocked() {
	for _, c := range s.blocked {
		c.blocked = false
		c.notify()
	}
	s.blocked = s.blocked[:0]
}
