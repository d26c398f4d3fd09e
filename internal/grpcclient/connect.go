package grpcclient

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"time"

	"golang.org/x/net/http2"
)

// The delay before another attempt to connect grows from firstDelay to maxDelay.
const (
	firstDelay  = 100 * time.Millisecond
	delayGrowth = 1.6
	maxDelay    = 2 * time.Second
	jitter      = 0.2 // clients that lost the same server should not all connect at the same time
)

// readBuffer is the size of the buffer for what is read from a connection. It contains two
// of the largest frames.
const readBuffer = 32 << 10

// NotHTTP2Error is the error of an attempt to connect to a server that accepts the connection
// and does not answer in HTTP/2.
type NotHTTP2Error struct{ Cause error }

func (e *NotHTTP2Error) Error() string { return "no answer in HTTP/2: " + e.Cause.Error() }

// Unwrap returns the cause.
func (e *NotHTTP2Error) Unwrap() error { return e.Cause }

// errSilent is the error of a server that sends nothing, for example because its process is
// suspended.
var errSilent = errors.New("the server does not respond")

// connect connects. It tries again until it succeeds, or no call has needed that for a while.
func (c *Conn) connect() {
	delay := firstDelay
	for {
		started := time.Now()
		s, err := c.attempt()
		if c.settle(s, err) {
			return
		}
		spread := 1 - jitter + 2*jitter*rand.Float64()
		pause := time.NewTimer(time.Until(started.Add(time.Duration(float64(delay) * spread))))
		select {
		case <-pause.C:
		case <-c.ctx.Done():
		}
		pause.Stop()
		delay = min(time.Duration(float64(delay)*delayGrowth), maxDelay)
	}
}

// settle records the result of an attempt. It reports whether there must be no further one.
func (c *Conn) settle(s *session, err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	closed := c.ctx.Err() != nil
	idle := c.options.IdleTimeout > 0 && time.Since(c.wanted) >= c.options.IdleTimeout
	switch {
	case s != nil && closed:
		s.raw.Close()
	case s != nil:
		c.sessions[s] = true
		c.failure = nil
		c.ready.Store(s)
		s.start()
	case idle:
		c.failure = nil
	default:
		c.failure = err
	}
	c.connecting = s == nil && !closed && !idle
	c.attempts++
	close(c.changed)
	c.changed = make(chan struct{})
	return !c.connecting
}

// attempt returns a session with a server that has sent its settings.
func (c *Conn) attempt() (*session, error) {
	ctx, cancel := context.WithTimeout(c.ctx, c.options.ConnectTimeout)
	defer cancel()
	raw, err := c.options.Dial(ctx, c.address)
	if err != nil {
		return nil, dialError(err)
	}
	// Also if the connection is closed meanwhile.
	unlink := context.AfterFunc(ctx, func() { raw.SetDeadline(time.Unix(1, 0)) })
	s, err := c.handshake(ctx, raw)
	if !unlink() && err == nil {
		err = errSilent
	}
	if err != nil {
		raw.Close()
		return nil, err
	}
	return s, nil
}

// handshake does the TLS handshake and exchanges the first frames.
func (c *Conn) handshake(ctx context.Context, raw net.Conn) (*session, error) {
	conn := raw
	if c.options.TLS != nil {
		secure := tls.Client(raw, c.tlsConfig())
		if err := secure.HandshakeContext(ctx); err != nil {
			if refused := asCertificateError(err); refused != nil {
				return nil, refused
			}
			return nil, orSilent(err, fmt.Errorf("the TLS handshake failed: %w", dialError(err)))
		}
		if secure.ConnectionState().NegotiatedProtocol != http2.NextProtoTLS {
			return nil, &NotHTTP2Error{errors.New("the server does not offer it (ALPN)")}
		}
		conn = secure
	}
	s := newSession(c, raw, conn)
	_, written := conn.Write(s.output.preface(&c.options)) // the server may have sent why it fails
	s.reader = bufio.NewReaderSize(conn, readBuffer)
	s.framer = http2.NewFramer(nil, s.reader)
	s.framer.SetReuseFrames()
	s.framer.SetMaxReadFrameSize(maxFrame)
	frame, err := s.framer.ReadFrame()
	settings, ok := frame.(*http2.SettingsFrame)
	if err == nil && (!ok || settings.IsAck()) {
		err = fmt.Errorf("the first frame is %v", frame.Header().Type)
	}
	if err == nil {
		err = s.onSettings(settings)
	}
	if refused := asCertificateError(err); refused != nil { // with TLS 1.3
		return nil, refused
	}
	if written != nil {
		err = written
	}
	if err != nil {
		return nil, orSilent(err, &NotHTTP2Error{err})
	}
	return s, nil
}

func (c *Conn) tlsConfig() *tls.Config {
	config := c.options.TLS.Clone()
	config.NextProtos = []string{http2.NextProtoTLS}
	if c.options.RefreshTLS != nil {
		c.options.RefreshTLS(config)
	}
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(c.address)
	}
	return config
}

// orSilent returns errSilent if err is that of a timeout, and otherwise other.
func orSilent(err, other error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return errSilent
	}
	return other
}

// dialError removes from an error of package net what the user knows: that the address was
// dialled.
func dialError(err error) error {
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		err = op.Err
	}
	if call := (*os.SyscallError)(nil); errors.As(err, &call) {
		err = call.Err
	}
	return err
}
