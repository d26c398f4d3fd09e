//go:build linux

package chaos

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/umadb-go/umadb/internal/servertest"
)

// Directions of a link.
const (
	up   = 0 // to the server
	down = 1 // to its client
)

// link is a proxy between clients and a server, with faults. A fault does not lose bytes of a
// connection that survives it, as in a network whose sender repeats packets: they arrive late.
type link struct {
	address string
	dial    func(context.Context) (net.Conn, error)

	mu       sync.Mutex
	listener net.Listener // guarded by mu; nil while the link is closed
	conns    map[*relay]bool
	flows    [2]flow       // guarded by mu
	changed  chan struct{} // guarded by mu; closed and replaced when flows change
}

// flow is the state of a direction.
type flow struct {
	held  bool
	delay time.Duration
}

// relay is a connection through a link.
type relay struct {
	client, server net.Conn
	lost           chan struct{} // closed if the server has closed it and the client must not notice
}

// newLink returns a link to a server on a reserved address.
func newLink(t testing.TB, dial func(context.Context) (net.Conn, error)) *link {
	t.Helper()
	l := &link{address: servertest.Address(t), dial: dial, conns: map[*relay]bool{}, changed: make(chan struct{})}
	if err := l.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	return l
}

// dialTCP returns a function that connects to a TCP address.
func dialTCP(address string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
}

// open makes the link accept connections.
func (l *link) open() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener != nil {
		return nil
	}
	listener, err := net.Listen("tcp", l.address)
	// A process that was forked before the link was closed has a copy of its listener until it
	// executes its program.
	for deadline := time.Now().Add(5 * time.Second); errors.Is(err, syscall.EADDRINUSE) && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
		listener, err = net.Listen("tcp", l.address)
	}
	if err != nil {
		return err
	}
	l.listener = listener
	go l.accept(listener)
	return nil
}

// close refuses connections and resets those that are open, as if the server had ended.
func (l *link) close() {
	l.mu.Lock()
	if l.listener != nil {
		l.listener.Close()
		l.listener = nil
	}
	l.mu.Unlock()
	l.reset()
}

func (l *link) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		go l.connect(client)
	}
}

func (l *link) connect(client net.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	server, err := l.dial(ctx)
	cancel()
	if err != nil {
		abort(client)
		return
	}
	r := &relay{client: client, server: server, lost: make(chan struct{})}
	l.mu.Lock()
	open := l.listener != nil
	if open {
		l.conns[r] = true
	}
	l.mu.Unlock()
	if !open {
		r.abort()
		return
	}
	var ends sync.WaitGroup
	ends.Go(func() { l.pump(r, client, server, up) })
	ends.Go(func() { l.pump(r, server, client, down) })
	ends.Wait()
	l.mu.Lock()
	delete(l.conns, r)
	l.mu.Unlock()
}

// chunk are bytes in transit.
type chunk struct {
	bytes []byte
	since time.Time
}

// pump forwards the bytes of one direction until the connection ends.
func (l *link) pump(r *relay, from, to net.Conn, direction int) {
	transit := make(chan chunk, 64)
	var writer sync.WaitGroup
	writer.Go(func() {
		failed := false
		for c := range transit {
			if failed || !l.pass(r, direction, c.since) {
				failed = true
			} else if _, err := to.Write(c.bytes); err != nil {
				failed = true
				r.abort()
			}
		}
	})
	for {
		buffer := make([]byte, 32<<10)
		n, err := from.Read(buffer)
		if n > 0 {
			transit <- chunk{buffer[:n], time.Now()}
		}
		if err != nil {
			break
		}
	}
	close(transit)
	writer.Wait()
	select {
	case <-r.lost: // until reset
	default:
		r.abort()
	}
}

// pass waits until bytes may leave the link, and reports whether the connection still exists.
func (l *link) pass(r *relay, direction int, since time.Time) bool {
	for {
		l.mu.Lock()
		flow, changed, exists := l.flows[direction], l.changed, l.conns[r]
		l.mu.Unlock()
		if !exists {
			return false
		}
		select {
		case <-r.lost:
			return false
		default:
		}
		wait := time.Until(since.Add(flow.delay))
		if !flow.held && wait <= 0 {
			return true
		}
		if flow.held {
			wait = time.Hour
		}
		timer := time.NewTimer(wait)
		select {
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// set changes the state of one direction.
func (l *link) set(direction int, f flow) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flows[direction] = f
	close(l.changed)
	l.changed = make(chan struct{})
}

// cut holds back all bytes, in both directions.
func (l *link) cut() {
	l.set(up, flow{held: true})
	l.set(down, flow{held: true})
}

// heal ends all faults but close.
func (l *link) heal() {
	l.set(up, flow{})
	l.set(down, flow{})
}

// reset ends all connections.
func (l *link) reset() {
	l.mu.Lock()
	conns := l.conns
	l.conns = map[*relay]bool{}
	close(l.changed)
	l.changed = make(chan struct{})
	l.mu.Unlock()
	for r := range conns {
		r.abort()
	}
}

// halfOpen ends all connections at the server, and the clients do not notice until reset.
func (l *link) halfOpen() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for r := range l.conns {
		select {
		case <-r.lost:
		default:
			close(r.lost)
			abort(r.server)
		}
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

func (r *relay) abort() {
	abort(r.client)
	abort(r.server)
}

// abort closes a connection, and discards what its peer has not received.
func abort(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}
