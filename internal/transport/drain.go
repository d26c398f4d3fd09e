package transport

import (
	"crypto/tls"
	"io"
	"time"

	"golang.org/x/net/http2"
)

// drainState is the progress of draining a connection.
type drainState int

const (
	notDraining drainState = iota
	// announced: GOAWAY was sent, so that the client makes no more calls. Those that it has
	// made before it knows may still arrive.
	announced
	// refusing: the client knows. When the last call has ended, nothing more is sent.
	refusing
	// finished: everything was written. The connection stays open until the client closes it.
	finished
)

// drain asks the client to make no more calls. It closes the connection if the handshake
// is not finished.
func (c *conn) drain() {
	if c.lastRead.Load() == 0 {
		c.accepted.Close()
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining == notDraining && c.err == nil {
		c.draining, c.drained = announced, time.Now().UnixNano()
		c.output.goAway(maxStreamID, http2.ErrCodeNo, nil)
		c.output.ping(drainPing)
		c.flushSoon() // the client may not read
	}
}

// refuse is called when the client knows that it must not make more calls, or should know.
// The caller must hold mu.
func (c *conn) refuse() {
	if c.draining == announced {
		c.draining = refusing
		c.output.goAway(c.lastID, http2.ErrCodeNo, nil)
	}
}

// finishDrained ends the output of a connection that is drained, when it was written. The
// caller must hold mu.
func (c *conn) finishDrained() {
	if c.draining == refusing && len(c.streams) == 0 && c.lingering == 0 && c.err == nil {
		c.draining = finished
		go c.closeWrite() // TLS notifies the client, which may take a while
	}
}

// closeTimeout is how long a client may take to close a connection that is drained.
const closeTimeout = time.Second

// closeWrite closes the connection for writing. What the client sends is still read: frames
// that arrive at a closed connection reset it, and what the client has not received is lost.
func (c *conn) closeWrite() {
	half, ok := c.accepted.(interface{ CloseWrite() error })
	if !ok {
		c.net.Close()
		return
	}
	if secure, ok := c.net.(*tls.Conn); ok {
		secure.CloseWrite()
	}
	half.CloseWrite()
	c.accepted.SetReadDeadline(time.Now().Add(c.server.closeTimeout))
}

// refusedBytes is how much of what a client sends is read after its TLS handshake has failed.
const refusedBytes = 64 << 10

// closeRefused closes a connection for writing whose TLS handshake has failed, and reads what
// the client sends for a while. With TLS 1.3 a client learns only from the alert, after it has
// sent its first frames, that its certificate was refused; those frames would reset a closed
// connection, and the alert would be lost.
func (c *conn) closeRefused() {
	half, ok := c.accepted.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	c.accepted.SetReadDeadline(time.Now().Add(c.server.closeTimeout))
	io.CopyN(io.Discard, c.accepted, refusedBytes)
}
