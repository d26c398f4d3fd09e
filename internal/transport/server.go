package transport

import (
	"context"
	"crypto/tls"
	"iter"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/status"
)

// Handler serves the calls of a Server.
type Handler interface {
	// Admit is called when the headers of a call have arrived, in the goroutine that
	// reads the connection. If it returns an error, that is the status of the call,
	// which is sent with the trailer that Admit has set.
	Admit(*Stream) error
	// Begin is offered a call whose whole request, without its gRPC header, has arrived
	// and has at most Options.InlineBytes. It runs in the goroutine that reads the
	// connection, so it must not wait. It reports false if the call must be served by
	// Serve. Otherwise the call must be answered once by Reply or Fail, in Begin or later.
	// The bytes are valid until Begin returns.
	Begin(stream *Stream, request []byte) bool
	// Blocked is called when an answer given to Reply must wait for the client's windows,
	// before Release. It must not wait.
	Blocked(*Stream)
	// Serve serves a call in a goroutine of its own. The error is the status of the call.
	Serve(*Stream) error
	// Release is called once for each admitted call, when the call has ended and nothing
	// of it is kept: Serve has returned, or its answer was sent or is no longer wanted. An
	// answer in an output of more than Options.WriteBuffer is kept until it was written.
	// It must not use the stream, except its state, headers and start, and must not wait.
	Release(*Stream)
}

// Options configures a Server.
type Options struct {
	// TLS is the configuration for encrypted connections; nil for no encryption.
	TLS *tls.Config
	// OnTLS is called when the TLS handshake of an accepted connection has succeeded or
	// failed, before any call. It may be nil, and must not wait.
	OnTLS func(accepted net.Conn, state tls.ConnectionState, err error)
	// OnRefused is called when a call is refused because its connection has MaxStreams calls in
	// progress. It may be nil, and must not wait.
	OnRefused func(accepted net.Conn)
	// Inline reports whether a method may be offered to Handler.Begin.
	Inline func(method string) bool
	// InlineBytes is the maximum size of a request that is offered to Handler.Begin.
	InlineBytes int
	// MaxStreams is the maximum number of calls in progress of one connection.
	MaxStreams uint32
	// HeaderBytes is the maximum size of the headers of a call, each field with its 32
	// bytes of overhead (RFC 9113, section 6.5.2).
	HeaderBytes int
	// ReadBuffer is the size of the read buffer of each connection.
	ReadBuffer int
	// WriteBuffer is the size of the output of a connection above which it must be written
	// before more is added. Only answers of admitted calls may exceed it.
	WriteBuffer int
	// StreamWindow is how many bytes of a request a client may send before they are read;
	// ConnWindow is the same for all requests of a connection.
	StreamWindow, ConnWindow uint32
	// HandshakeTimeout bounds the TLS and HTTP/2 handshakes together.
	HandshakeTimeout time.Duration
	// PingAfter is how long a connection may be silent before it is pinged, and
	// PingTimeout how long the answer may take before the connection is closed.
	PingAfter, PingTimeout time.Duration
	// PingInterval is the minimum interval between pings of a client.
	PingInterval time.Duration
}

// Server serves gRPC calls.
type Server struct {
	handler Handler
	options Options

	closeTimeout time.Duration // is closeTimeout, except in tests

	// endTicker ends the goroutine that pings.
	endTicker context.CancelFunc

	mu        sync.Mutex
	listeners map[net.Listener]bool // guarded by mu
	conns     map[*conn]bool        // guarded by mu
	draining  bool                  // guarded by mu; GracefulStop or Stop was called

	workers workers
	running sync.WaitGroup // goroutines of connections
}

// NewServer returns a server. It must be stopped.
func NewServer(handler Handler, options Options) *Server {
	ticking, end := context.WithCancel(context.Background())
	s := &Server{
		handler:   handler,
		workers:   workers{handler: handler, idle: make(chan *Stream), stopping: make(chan struct{})},
		options:   options,
		endTicker: end,

		closeTimeout: closeTimeout,

		listeners: make(map[net.Listener]bool),
		conns:     make(map[*conn]bool),
	}
	go s.keepAlive(ticking)
	return s
}

// Serve accepts connections until the server is stopped, and then returns nil, or until
// the listener fails. It closes the listener.
func (s *Server) Serve(listener net.Listener) error { return s.serve(listener, s.options.TLS) }

// ServeInProcess is Serve for connections within this process, which are not encrypted.
func (s *Server) ServeInProcess(listener net.Listener) error { return s.serve(listener, nil) }

func (s *Server) serve(listener net.Listener, config *tls.Config) error {
	defer listener.Close()
	if !s.listen(listener) {
		return nil
	}
	var delay time.Duration
	for {
		accepted, err := listener.Accept()
		switch {
		case err == nil:
			delay = 0
			if !s.start(newConn(s, accepted, config)) {
				accepted.Close()
			}
			continue
		case !s.listening(listener):
			return nil
		}
		temporary, ok := err.(interface{ Temporary() bool })
		if !ok || !temporary.Temporary() {
			return err
		}
		// There may be no file descriptors left; others will be closed.
		delay = min(max(5*time.Millisecond, 2*delay), time.Second)
		time.Sleep(delay)
	}
}

// listen records a listener. It reports false if the server is stopped.
func (s *Server) listen(listener net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return false
	}
	s.listeners[listener] = true
	return true
}

func (s *Server) listening(listener net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listeners[listener]
}

// start starts the goroutine of a connection. It reports false if the server is stopped.
func (s *Server) start(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return false
	}
	s.conns[c] = true
	s.running.Go(c.run) // not after stop, which is followed by waiting
	return true
}

func (s *Server) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// GracefulStop stops accepting connections and calls, and returns when all calls in
// progress have ended.
func (s *Server) GracefulStop() {
	for _, c := range s.stop() {
		c.drain()
	}
	s.running.Wait()
	s.workers.running.Wait()
	s.endTicker()
}

// Stop closes all connections, and returns when the calls in progress have ended, which
// fail.
func (s *Server) Stop() {
	for _, c := range s.stop() {
		c.close(errStopped)
	}
	s.running.Wait()
	s.workers.running.Wait()
	s.endTicker()
}

// stop closes the listeners and returns the connections.
func (s *Server) stop() []*conn {
	s.mu.Lock()
	if !s.draining {
		close(s.workers.stopping)
	}
	s.draining = true
	for listener := range s.listeners {
		listener.Close()
	}
	clear(s.listeners)
	s.mu.Unlock()
	return s.all()
}

// EndArriving ends the calls that started before a time and whose requests have not arrived
// wholly, with a status.
func (s *Server) EndArriving(before time.Time, st *status.Status) {
	for _, c := range s.all() {
		c.mu.Lock()
		for _, stream := range c.streams {
			if stream.start.Before(before) {
				c.endArriving(stream, st, nil)
			}
		}
		c.mu.Unlock()
	}
}

// Cancel calls the functions that Stream.OnCancel has set, of the calls in progress.
func (s *Server) Cancel() {
	for _, c := range s.all() {
		c.mu.Lock()
		for _, stream := range c.streams {
			stream.runCancel()
		}
		c.mu.Unlock()
	}
}

// Calls iterates over the open connections, as they were accepted, with the admitted calls
// in progress of each.
func (s *Server) Calls() iter.Seq2[net.Conn, []*Stream] {
	return func(yield func(net.Conn, []*Stream) bool) {
		for _, c := range s.all() {
			if !yield(c.accepted, c.admitted()) {
				return
			}
		}
	}
}

// all returns the open connections.
func (s *Server) all() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.conns))
}
