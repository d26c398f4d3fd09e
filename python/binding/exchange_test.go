//go:build cgo

package main

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/umadb-go/umadb/internal/store"
)

// timeout is longer than any wait of these tests.
const timeout = time.Minute

// lastID is the ID of the last exchange of the tests.
var lastID atomic.Uint64

// allocate sets to to a new value. Test files cannot import "C", nor name its types.
func allocate[T any](to **T) { *to = new(T) }

// set sets a number whose type is one of C's.
func set[T ~uint64](to *T, number uint64) { *to = T(number) }

// newTestExchange returns an active exchange without a goroutine. It has two references.
// The test never releases its own, because the memory is allocated by Go.
func newTestExchange(t *testing.T) *exchange {
	t.Helper()
	e := &exchange{resumed: make(chan struct{}, 1)}
	allocate(&e.shared)
	e.shared.references = 2
	set(&e.shared.id, lastID.Add(1))
	e.ctx, e.stop = context.WithCancel(t.Context())
	e.deadline = &softDeadline{Context: e.ctx}
	active.put(uint64(e.shared.id), e)
	return e
}

// waitFor waits until condition returns true.
func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(timeout); !condition(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(end) {
			t.Fatal("timed out")
		}
	}
}

// hasAnswers returns a condition: the queue contains count answers.
func hasAnswers(e *exchange, count int32) func() bool {
	return func() bool { return atomic.LoadInt32((*int32)(unsafe.Pointer(&e.shared.count))) == count }
}

// released returns a condition: only the test has a reference to the exchange.
func released(e *exchange) func() bool {
	return func() bool { return atomic.LoadInt32((*int32)(unsafe.Pointer(&e.shared.references))) == 1 }
}

// fakeStream is a stream of the messages sent to a channel. It ends when the channel is
// closed.
type fakeStream struct {
	incoming chan string
	closed   chan struct{}
	ctx      context.Context
}

// Next waits for a message.
func (m *fakeStream) Next() ([]byte, error) {
	select {
	case message, more := <-m.incoming:
		if !more {
			return nil, io.EOF
		}
		return []byte(message), nil
	case <-m.ctx.Done():
		return nil, m.ctx.Err()
	}
}

// Close closes m.closed.
func (m *fakeStream) Close() {
	select {
	case <-m.closed:
	default:
		close(m.closed)
	}
}

// newStream returns an exchange for a stream, and the stream.
func newStream(t *testing.T) (*exchange, *fakeStream) {
	t.Helper()
	e := newTestExchange(t)
	m := &fakeStream{incoming: make(chan string, 8), closed: make(chan struct{}), ctx: e.ctx}
	e.stream = m
	return e, m
}

// returnSeven is a call that returns at once.
func returnSeven(context.Context) result { return result{present: true, number: 7} }

func TestCallEndsWithItsAnswer(t *testing.T) {
	e := newTestExchange(t)
	e.call = returnSeven
	e.run()
	if got, want := takeAnswers(e), []answer{{present: true, number: 7}}; !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
	if e.shared.ended == 0 || !released(e)() || e.ctx.Err() == nil || active.get(uint64(e.shared.id)) != nil {
		t.Errorf("not ended: %+v", e)
	}
}

func TestStreamWaitsWhileItsQueueIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, m := newStream(t)
		for _, message := range []string{"one", "two", "three", "four"} {
			m.incoming <- message
		}
		close(m.incoming)
		go e.run()
		synctest.Wait() // a third message must not be put
		if got, want := takeAnswers(e), []answer{{message: "one"}, {message: "two"}}; !slices.Equal(got, want) {
			t.Fatalf("got %+v", got)
		}
		e.resume()
		waitFor(t, hasAnswers(e, 2))
		if got, want := takeAnswers(e), []answer{{message: "three"}, {message: "four"}}; !slices.Equal(got, want) {
			t.Fatalf("got %+v", got)
		}
		e.resume()
		waitFor(t, released(e))
		if got, want := takeAnswers(e), []answer{{kind: kindEnd, message: "EOF"}}; !slices.Equal(got, want) {
			t.Errorf("got %+v", got)
		}
		<-m.closed
	})
}

func TestFullStreamEndsWithCancelled(t *testing.T) {
	e, m := newStream(t)
	m.incoming <- "one"
	m.incoming <- "two"
	go e.run()
	waitFor(t, hasAnswers(e, 2))
	e.stop()
	waitFor(t, released(e))
	if got := takeAnswers(e); len(got) != 3 || got[2].kind != kindCancelled {
		t.Errorf("got %+v", got)
	}
	<-m.closed
}

func TestDroppedStreamEnds(t *testing.T) {
	e, m := newStream(t)
	e.shared.dropped = 1
	m.incoming <- "one"
	e.run()
	if got := takeAnswers(e); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
	<-m.closed
}

func TestDroppedOpenClosesItsStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	e := newTestExchange(t)
	e.shared.dropped = 1
	e.call = parseOpenOptions([]byte("file:" + dir + "\x00\x00\x00\x00")).open
	e.run()
	opened, err := store.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	opened.Close()
}

// slowStream is a stream whose first call of Next runs into the deadline.
type slowStream struct {
	ctx      context.Context
	timedOut atomic.Bool // the first call has returned
}

// Next blocks until the deadline on the first call.
func (m *slowStream) Next() ([]byte, error) {
	for !m.timedOut.Load() {
		if err := m.ctx.Err(); err != nil {
			m.timedOut.Store(errors.Is(err, context.DeadlineExceeded))
			return nil, err
		}
	}
	return []byte("found"), nil
}

// Close does nothing.
func (m *slowStream) Close() {}

func TestSlowStepOfStreamIsRestartedOnGoroutine(t *testing.T) {
	e := newTestExchange(t)
	m := &slowStream{ctx: e.deadline}
	e.stream = m
	e.step(true)
	waitFor(t, hasAnswers(e, 2))
	e.step(true) // does nothing
	if got, want := takeAnswers(e), []answer{{message: "found"}, {message: "found"}}; !slices.Equal(got, want) || !e.running {
		t.Errorf("got %+v, running: %v", got, e.running)
	}
	e.stop()
	e.resume()
	waitFor(t, func() bool { return active.get(uint64(e.shared.id)) == nil })
}

func TestSlowStepOfAppendReturnsBeforeItsAnswer(t *testing.T) {
	e, unblock := newTestExchange(t), make(chan struct{})
	e.shared.method = 1 // UMADB_APPEND
	e.call = func(ctx context.Context) result { <-unblock; return returnSeven(ctx) }
	e.step(true)
	if got := takeAnswers(e); len(got) != 0 {
		t.Fatalf("got %+v", got)
	}
	close(unblock)
	waitFor(t, hasAnswers(e, 1))
	if got, want := takeAnswers(e), []answer{{present: true, number: 7}}; !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestFastStepsStayOnCallingThread(t *testing.T) {
	e, m := newStream(t)
	m.incoming <- "one"
	m.incoming <- "two"
	close(m.incoming)
	for _, want := range []answer{{message: "one"}, {message: "two"}, {kind: kindEnd, message: "EOF"}} {
		e.step(true)
		if got := takeAnswers(e); !slices.Equal(got, []answer{want}) || e.running {
			t.Errorf("got %+v, want %+v, running: %v", got, want, e.running)
		}
	}
	<-m.closed
}
