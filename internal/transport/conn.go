package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
)

// frameHeader is the size of the header of an HTTP/2 frame.
const frameHeader = 9

var (
	errStopped   = errors.New("transport: the server was stopped")
	errNoALPN    = errors.New("transport: the client does not offer HTTP/2 (ALPN)")
	errPreface   = errors.New("transport: the client does not speak HTTP/2")
	errManyPings = errors.New("transport: too many pings")
)

// conn is an accepted connection.
type conn struct {
	server   *Server
	accepted net.Conn    // as it was accepted
	tls      *tls.Config // nil without encryption
	net      net.Conn    // accepted, or TLS over it

	// What follows belongs to the goroutine that reads the connection.
	reader   *bufio.Reader
	framer   *http2.Framer // reads frames
	headers  headerReader
	received uint32 // bytes of requests that were not added to the window of the connection again
	pings    pingLimit

	// handling is set while frames are handled: their answers are written afterwards.
	handling atomic.Bool
	lastRead atomic.Int64 // time of the last frame, in Unix ns

	mu        sync.Mutex
	changed   sync.Cond          // of mu; signalled when the output, the window or the end of the connection has changed
	streams   map[uint32]*Stream // guarded by mu; calls in progress
	lingering int                // guarded by mu; calls that have ended, but not the goroutines that serve them
	lastID    uint32             // guarded by mu; of the last stream
	output    output             // guarded by mu
	draining  drainState         // guarded by mu
	drained   int64              // guarded by mu; when draining started, in Unix ns
	pinged    int64              // guarded by mu; when a ping was sent that was not answered, in Unix ns, or 0
	err       error              // guarded by mu; why the connection was closed, or nil
}

func newConn(s *Server, accepted net.Conn, config *tls.Config) *conn {
	c := &conn{server: s, accepted: accepted, tls: config, net: accepted, streams: make(map[uint32]*Stream)}
	c.changed.L = &c.mu
	c.output.init()
	return c
}

// run serves the connection until it is closed.
func (c *conn) run() {
	defer c.server.remove(c)
	err := c.handshake()
	for err == nil {
		err = c.next()
	}
	c.close(err)
}

// handshake does the TLS handshake and exchanges the first frames.
func (c *conn) handshake() error {
	o := &c.server.options
	c.accepted.SetDeadline(time.Now().Add(o.HandshakeTimeout))
	if c.tls != nil {
		if err := c.handshakeTLS(); err != nil {
			return err
		}
	}
	c.reader = bufio.NewReaderSize(c.net, o.ReadBuffer)
	c.framer = http2.NewFramer(nil, c.reader)
	c.framer.SetReuseFrames()
	c.framer.SetMaxReadFrameSize(maxFrame)
	c.headers.init(o)
	c.mu.Lock()
	c.output.settings(o)
	c.mu.Unlock()
	c.flush()

	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(c.reader, preface); err != nil {
		return err
	}
	if string(preface) != http2.ClientPreface {
		return errPreface
	}
	frame, err := c.framer.ReadFrame()
	settings, ok := frame.(*http2.SettingsFrame)
	if err != nil || !ok || settings.IsAck() {
		return errPreface
	}
	if err := c.onSettings(settings); err != nil {
		return err
	}
	if err := c.accepted.SetDeadline(time.Time{}); err != nil {
		return err
	}
	c.touch() // after it, drain may set another deadline
	return nil
}

// handshakeTLS does the TLS handshake.
func (c *conn) handshakeTLS() error {
	o := &c.server.options
	secure := tls.Server(c.accepted, c.tls)
	err := secure.HandshakeContext(context.Background())
	state := secure.ConnectionState()
	if o.OnTLS != nil {
		o.OnTLS(c.accepted, state, err)
	}
	if err != nil {
		c.closeRefused()
		return err
	}
	if state.NegotiatedProtocol != http2.NextProtoTLS {
		return errNoALPN
	}
	c.net = secure
	return nil
}

// next reads a frame and handles it. Before it waits for a frame, it writes the output.
func (c *conn) next() error {
	waits := !c.isBuffered()
	if waits {
		c.handling.Store(false)
		c.flush()
	}
	header, err := c.reader.Peek(frameHeader)
	if err != nil {
		return err
	}
	kind := http2.FrameType(header[3])
	frame, err := c.framer.ReadFrame()
	if err != nil && kind == http2.FrameHeaders && errors.As(err, new(http2.StreamError)) {
		// The framer does not return the header block, so the next ones cannot be decoded.
		err = http2.ConnectionError(http2.ErrCodeProtocol)
	}
	if waits {
		c.handling.Store(true)
		c.touch()
	}
	if err == nil {
		err = c.handle(frame)
	}
	if err != nil {
		err = c.frameError(err)
	}
	if err != nil {
		return err
	}
	return c.awaitOutput()
}

// touch records that the client has sent something.
func (c *conn) touch() { c.lastRead.Store(time.Now().UnixNano()) }

// isBuffered reports whether a whole frame can be read without waiting.
func (c *conn) isBuffered() bool {
	if c.reader.Buffered() < frameHeader {
		return false
	}
	header, _ := c.reader.Peek(frameHeader)
	length := int(header[0])<<16 | int(header[1])<<8 | int(header[2])
	return c.reader.Buffered() >= frameHeader+length
}

// frameError handles an error of a frame. An error of a stream ends only that one; others
// are returned.
func (c *conn) frameError(err error) error {
	var stream http2.StreamError
	if errors.As(err, &stream) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.output.reset(stream.StreamID, stream.Code)
		if s := c.streams[stream.StreamID]; s != nil {
			c.end(s, errReset)
		}
		return nil
	}
	code := http2.ErrCodeProtocol
	var connection http2.ConnectionError
	switch {
	case errors.As(err, &connection):
		code = http2.ErrCode(connection)
	case errors.Is(err, http2.ErrFrameTooLarge):
		code = http2.ErrCodeFrameSize
	case errors.Is(err, errManyPings):
		code = http2.ErrCodeEnhanceYourCalm
	default:
		return err // the connection is broken
	}
	c.mu.Lock()
	c.output.goAway(c.lastID, code, err)
	c.mu.Unlock()
	c.flush()
	return err
}

// admitted returns the calls in progress that the handler has admitted.
func (c *conn) admitted() []*Stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := make([]*Stream, 0, len(c.streams))
	for _, s := range c.streams {
		if s.phase != opened {
			calls = append(calls, s)
		}
	}
	return calls
}

// close closes the connection and ends its calls.
func (c *conn) close(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = err
	for _, s := range c.streams {
		c.end(s, errClosed)
	}
	c.releaseAll(c.output.unreleased)
	c.output.unreleased = nil
	c.changed.Broadcast()
	c.accepted.Close() // not c.net, which would wait for a write in progress
}
