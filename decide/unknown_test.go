package decide_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/umadbtest"
)

// lossy is a store whose first appends fail with the errors, after they have appended.
type lossy struct {
	dcb.EventStore
	errors []error
	calls  int
}

func (l *lossy) Append(ctx context.Context, events []dcb.Event, condition *dcb.AppendCondition, tracking *dcb.TrackingInfo) (uint64, error) {
	position, err := l.EventStore.Append(ctx, events, condition, tracking)
	l.calls++
	if l.calls <= len(l.errors) {
		return 0, l.errors[l.calls-1]
	}
	return position, err
}

var (
	errUnknown = &dcb.Error{Kind: dcb.ErrTransport, Detail: "the connection broke"}
	errNotSent = &dcb.Error{Kind: dcb.ErrTransport, Detail: "cannot connect", NotAppended: true}
)

func TestAppendWithUnknownOutcomeIsSentAgain(t *testing.T) {
	store := &lossy{EventStore: umadbtest.NewStore(t), errors: []error{errUnknown, errUnknown}}
	position, err := take("me", 1).Run(t.Context(), store)
	if position != 1 || err != nil || store.calls != 3 {
		t.Errorf("position %d, %v after %d appends", position, err, store.calls)
	}
	if n := len(stored(t, store)); n != 1 {
		t.Errorf("%d events", n)
	}
}

func TestUnknownOutcomeStaysUnknown(t *testing.T) {
	for name, c := range map[string]struct {
		errors   []error
		query    dcb.Query
		attempts int
		calls    int
	}{
		"the query matches no event":   {[]error{errUnknown}, dcb.Query{Items: []dcb.QueryItem{{Types: []string{"Other"}}}}, 5, 1},
		"every attempt is unknown":     {[]error{errUnknown, errUnknown, errUnknown}, places, 2, 2},
		"a later attempt is not sent":  {[]error{errUnknown, errNotSent}, places, 5, 2},
		"a later attempt fails anyhow": {[]error{errUnknown, &dcb.Error{Kind: dcb.ErrIO}}, places, 5, 2},
	} {
		t.Run(name, func(t *testing.T) {
			store := &lossy{EventStore: umadbtest.NewStore(t), errors: c.errors}
			d := take("me", 1)
			d.Query, d.Attempts = c.query, c.attempts
			_, err := d.Run(t.Context(), store)
			e, ok := errors.AsType[*dcb.Error](err)
			if !ok || e != errUnknown || store.calls != c.calls {
				t.Errorf("error %v after %d appends", err, store.calls)
			}
		})
	}
}

func TestAppendThatWasNotSentIsNotSentAgain(t *testing.T) {
	store := &lossy{EventStore: umadbtest.NewStore(t), errors: []error{errNotSent}}
	if _, err := take("me", 1).Run(t.Context(), store); err != errNotSent || store.calls != 1 {
		t.Errorf("error %v after %d appends", err, store.calls)
	}
}

// A proxy closes the connection after the server has appended, before the response.
func TestConnectionIsCutAfterTheAppend(t *testing.T) {
	store := umadbtest.NewStore(t)
	p := newProxy(t, strings.TrimPrefix(umadbtest.NewServer(t, store), "http://"))
	c := connect(t, "http://"+p.listener.Addr().String())
	p.cutWhen = func() bool {
		head, err := store.Head(context.Background())
		return err != nil || head > 0
	}
	p.armed.Store(true)
	position, err := take("me", 1).Run(t.Context(), c)
	if position != 1 || err != nil || p.armed.Load() {
		t.Errorf("position %d, %v, cut %v", position, err, !p.armed.Load())
	}
	if n := len(stored(t, store)); n != 1 {
		t.Errorf("%d events", n)
	}
}

// proxy passes on connections. While it is armed, it closes the first connection on which the
// server sends something when cutWhen is true, and then it is no longer armed.
type proxy struct {
	listener net.Listener
	server   string
	armed    atomic.Bool
	cutWhen  func() bool
}

func newProxy(t *testing.T, server string) *proxy {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	p := &proxy{listener: listener, server: server}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go p.pass(conn)
		}
	}()
	return p
}

func (p *proxy) pass(conn net.Conn) {
	defer conn.Close()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(server, conn)
		server.Close()
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		if err != nil || (p.armed.Load() && p.cutWhen() && p.armed.CompareAndSwap(true, false)) {
			return
		}
		if _, err := conn.Write(buffer[:n]); err != nil {
			return
		}
	}
}
