package transport_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/umadb-go/umadb/internal/transport"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

var errEOF = io.EOF

// tester is a test or a run of a property.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// skipOrFail skips a test that needs another program, unless it is required.
func skipOrFail(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" || os.Getenv("UMADB_TEST_INTEROP") == "required" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// testOptions are the options of most tests.
func testOptions() transport.Options {
	return transport.Options{
		Inline:           isInline,
		InlineBytes:      4 << 10,
		MaxStreams:       20,
		HeaderBytes:      8 << 10,
		ReadBuffer:       8 << 10,
		WriteBuffer:      32 << 10,
		StreamWindow:     64 << 10,
		ConnWindow:       256 << 10,
		HandshakeTimeout: 10 * time.Second,
		PingAfter:        15 * time.Second,
		PingTimeout:      20 * time.Second,
		PingInterval:     2 * time.Second,
	}
}

// running is a server of a test.
type running struct {
	t       tester
	server  *transport.Server
	handler *testHandler
	options transport.Options
	pipes   *pipeListener // nil if address is set
	address string
	serving sync.WaitGroup
}

// serve starts a server on a listener.
func serve(t tester, listener net.Listener, options transport.Options) *running {
	handler := newHandler()
	r := &running{t: t, server: transport.NewServer(handler, options), handler: handler, options: options}
	if pipes, ok := listener.(*pipeListener); ok {
		r.pipes = pipes
	} else {
		r.address = listener.Addr().String()
	}
	r.serving.Go(func() {
		if err := r.server.Serve(listener); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return r
}

// stop stops the server and checks that nothing is in use.
func (r *running) stop() {
	r.t.Helper()
	r.server.Stop()
	r.serving.Wait()
	if err := r.handler.check(); err != nil {
		r.t.Errorf("after Stop: %v", err)
	}
	if usage := r.server.Usage(); usage != (transport.Usage{}) {
		r.t.Errorf("after Stop: %+v", usage)
	}
}

// start starts a server on a TCP port. It is stopped at the end of the test.
func start(t *testing.T, change ...func(*transport.Options)) *running {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	options := testOptions()
	for _, change := range change {
		change(&options)
	}
	r := serve(t, listener, options)
	t.Cleanup(r.stop)
	return r
}

// bubble runs a test with a server whose connections are pipes, with synthetic time.
func bubble(t *testing.T, test func(*testing.T, *running), change ...func(*transport.Options)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		options := testOptions()
		for _, change := range change {
			change(&options)
		}
		r := serve(t, newPipeListener(), options)
		defer r.stop()
		test(t, r)
	})
}

// settled waits until nothing happens any longer, and checks that no stream is in use.
func (r *running) settled() {
	r.t.Helper()
	synctest.Wait()
	if usage := r.server.Usage(); usage.Streams != 0 || usage.Blocked != 0 {
		r.t.Errorf("streams in use: %+v", usage)
	}
	if c := r.handler.now(); c.inUse != 0 {
		r.t.Errorf("calls in use: %+v", c)
	}
}

// pipeListener accepts connections that are pipes.
type pipeListener struct {
	accepted chan net.Conn
	closed   context.Context
	close    context.CancelFunc
}

func newPipeListener() *pipeListener {
	l := &pipeListener{accepted: make(chan net.Conn)}
	l.closed, l.close = context.WithCancel(context.Background())
	return l
}

// dial returns the client's side of a new connection.
func (l *pipeListener) dial() net.Conn {
	client, server := net.Pipe()
	select {
	case l.accepted <- server:
	case <-l.closed.Done():
		server.Close()
	}
	return client
}

// Accept implements net.Listener.
func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.accepted:
		return conn, nil
	case <-l.closed.Done():
		return nil, errors.New("the listener is closed")
	}
}

// Close implements net.Listener.
func (l *pipeListener) Close() error {
	l.close()
	return nil
}

// Addr implements net.Listener.
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }
