package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/httpapi"
	"github.com/umadb-go/umadb/internal/web"
)

// generated is a store with a number of small events, which are made when they are read, a batch at
// a time.
type generated struct {
	dcb.EventStore
	events uint64
	made   *atomic.Uint64 // number of events made so far
}

// generatedBatch is the number of events that are made at once.
const generatedBatch = 500

// next returns the events after those that were made, and io.EOF after the last one.
func (g generated) next() ([]dcb.SequencedEvent, uint64, error) {
	var batch []dcb.SequencedEvent
	for at := g.made.Load(); at < g.events && len(batch) < generatedBatch; {
		at++
		batch = append(batch, dcb.SequencedEvent{Position: at, Event: dcb.Event{Type: "T", Tags: []string{"course:1"}, Data: []byte(`{"n":1}`)}})
	}
	if len(batch) == 0 {
		return nil, 0, io.EOF
	}
	g.made.Add(uint64(len(batch)))
	return batch, g.events, nil
}

func (g generated) Read(context.Context, dcb.Query, dcb.ReadOptions) *dcb.ReadResponse {
	return dcb.NewReadResponse(g.next, func() {})
}

func (g generated) Subscribe(context.Context, dcb.Query, uint64, ...dcb.SubscribeOptions) iter.Seq2[dcb.SequencedEvent, error] {
	return func(yield func(dcb.SequencedEvent, error) bool) {
		for {
			batch, _, err := g.next()
			if err != nil {
				return
			}
			for _, event := range batch {
				if !yield(event, nil) {
					return
				}
			}
		}
	}
}

// pipes is a listener whose connections have no buffer: a byte is written when it is read.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
}

func (p pipes) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	p.accepted <- far
	return near, nil
}

// Accept implements net.Listener.
func (p pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.accepted:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. It is called once.
func (p pipes) Close() error {
	close(p.closed)
	return nil
}

// Addr implements net.Listener.
func (p pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// readSlowly returns the lines of an answer about a store, which is sent as it is read.
func readSlowly(t *testing.T, store dcb.EventStore, path string) *bufio.Scanner {
	t.Helper()
	served := web.New(web.Options{
		Logger: slog.New(slog.DiscardHandler),
		Connect: func(context.Context, string) (*web.Backend, error) {
			return &web.Backend{Events: store, Close: func() error { return nil }}, nil
		},
	})
	httpapi.Register(served)
	p := pipes{make(chan net.Conn, 1), make(chan struct{})}
	ended := make(chan error, 1)
	go func() { ended <- served.Serve(p) }()
	transport := &http.Transport{DialContext: p.dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		served.Stop(context.Background())
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	response, err := (&http.Client{Transport: transport}).Get("http://127.0.0.1" + path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s has the status %s", path, response.Status)
	}
	return bufio.NewScanner(response.Body)
}

// The memory of an answer depends neither on the number of events nor on how fast they are read: events
// are made as they are read, and nothing is kept of them.
func TestLongAnswerNeedsBoundedMemory(t *testing.T) {
	live := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for path, events := range map[string]uint64{"/v1/events": 1_000_000, "/v1/subscribe": 200_000} {
		g := generated{events: events, made: new(atomic.Uint64)}
		lines := readSlowly(t, g, path)
		before, most, read := live(), uint64(0), uint64(0)
		for lines.Scan() {
			line := strings.TrimPrefix(lines.Text(), "data: ")
			if !strings.HasPrefix(line, "{") {
				continue
			}
			if read++; !strings.HasPrefix(line, fmt.Sprintf(`{"position":%d,`, read)) {
				t.Fatalf("%s: line %d is %q", path, read, line)
			}
			// The buffers of the server and of the client have some 700 lines.
			if ahead := g.made.Load() - read; ahead > 4*generatedBatch {
				t.Fatalf("%s: when line %d is read, %d more events were made", path, read, ahead)
			}
			if read%100_000 == 0 {
				most = max(most, live())
			}
		}
		if err := lines.Err(); err != nil || read != events {
			t.Fatalf("%s: %d events of %d are read (%v)", path, read, events, err)
		}
		if most > before+8<<20 {
			t.Errorf("%s: the memory grew by %d KiB", path, (most-before)>>10)
		}
	}
}
