package cli_test

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/server"
)

// newProxy accepts connections, and passes each with one to a server, which is nil without a
// server, to serve.
func newProxy(t *testing.T, to string, serve func(from, to net.Conn)) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer from.Close()
				if to == "" {
					serve(from, nil)
					return
				}
				conn, err := net.Dial("tcp", strings.TrimPrefix(to, "http://"))
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				serve(from, conn)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		running.Wait()
	})
	return "http://" + listener.Addr().String()
}

// dropAnswers returns a function for newProxy. It passes everything on until the other server has
// events up to a position, and then breaks the connection, or passes nothing on.
func dropAnswers(t *testing.T, a *forwardingNode, position uint64, breaks bool) func(from, to net.Conn) {
	return func(from, to net.Conn) {
		var copying sync.WaitGroup
		copying.Go(func() { _, _ = io.Copy(to, from) })
		buffer := make([]byte, 64<<10)
		for {
			n, err := to.Read(buffer)
			if err != nil {
				break
			}
			if a.LastPosition() >= position {
				if !breaks {
					<-t.Context().Done()
				}
				break
			}
			if _, err := from.Write(buffer[:n]); err != nil {
				break
			}
		}
		from.Close()
		to.Close()
		copying.Wait()
	}
}

// When the connection breaks before the answer, an append is in the log. It is not proposed again,
// unless it is recognised.
func TestConnectionBreaksBeforeTheAnswer(t *testing.T) {
	for _, c := range []struct {
		name      string
		condition *dcb.AppendCondition
		uuid      bool
		known     bool // the result
	}{
		{"without a condition", nil, true, false},
		{"without UUIDs", unlessAfter(0), false, false},
		{"with a condition on other events", &dcb.AppendCondition{FailIfEventsMatch: dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"other"}}}}}, true, false},
		{"with a condition after the head", unlessAfter(5), true, false},
		{"with a condition after the head before", unlessAfter(1), true, false},
		{"with a condition and UUIDs", unlessAfter(0), true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newForwardingEngine(t)
			a, b := e.forwarding(t, server.Options{}), e.forwarding(t, server.Options{})
			b.prefer(newProxy(t, a.url, dropAnswers(t, a, 1, true)))
			event := numberedEvent(1)
			if !c.uuid {
				event.UUID = ""
			}
			position, failed := b.call(t.Context(), "", []dcb.Event{event}, c.condition)
			switch {
			case c.known && (failed != nil || position != 1):
				t.Errorf("the append is at %d, %v", position, failed)
			case !c.known && (failed == nil || failed.Code != codes.Unavailable || !strings.Contains(failed.Message, "may be in the log or not")):
				t.Errorf("the error is %v", failed)
			}
			b.wantMetrics(server.ForwardMetrics{Broken: 1})
			b.append(2)
			e.wantWriters(t, map[*forwardingNode]int{a: 1, b: 1})
		})
	}
}

// muchLess is less than the 10 s for which an append waits for another server, even on a busy
// machine.
const muchLess = 8 * time.Second

// A server that no longer answers is noticed, and a client need not wait for that.
func TestServerStopsAnswering(t *testing.T) {
	e := newForwardingEngine(t)
	a, b := e.forwarding(t, server.Options{}), e.forwarding(t, server.Options{})
	b.prefer(newProxy(t, a.url, dropAnswers(t, a, 1, false)))
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	since := time.Now()
	if _, failed := b.call(short, "", []dcb.Event{numberedEvent(1)}, nil); failed == nil {
		t.Error("an append without an answer has succeeded")
	}
	if took := time.Since(since); took > muchLess {
		t.Errorf("a deadline of 300 ms ended after %v", took)
	}
	long, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, failed := b.call(long, "", []dcb.Event{numberedEvent(2)}, nil); failed == nil || failed.Code != codes.Unavailable {
		t.Errorf("an append to a server that does not answer: %v", failed)
	}
	since = time.Now()
	b.append(b.LastPosition() + 1)
	if took := time.Since(since); took > muchLess {
		t.Errorf("an append at the server itself took %v", took)
	}
}
