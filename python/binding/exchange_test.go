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
	"time"
	"unsafe"

	"github.com/umadb-go/umadb/internal/store"
)

// soon is longer than anything here takes.
const soon = time.Minute

// ids is the IDs of the exchanges of the tests.
var ids atomic.Uint64

// share makes what C shares, of a type that tests cannot name.
func share[T any](to **T) { *to = new(T) }

// set sets a number of a type that tests cannot name.
func set[T ~uint64](to *T, number uint64) { *to = T(number) }

// asked gives an exchange that nobody works on yet. It is held twice: once by the
// test, which never lets go, as the memory is Go's.
func asked(t *testing.T) *exchange {
	t.Helper()
	e := &exchange{room: make(chan struct{}, 1)}
	share(&e.shared)
	e.shared.references = 2
	set(&e.shared.id, ids.Add(1))
	e.ctx, e.stop = context.WithCancel(t.Context())
	e.deadline = &softDeadline{Context: e.ctx}
	underWay.put(uint64(e.shared.id), e)
	return e
}

// until waits for something to become so.
func until(t *testing.T, so func() bool) {
	t.Helper()
	for end := time.Now().Add(soon); !so(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(end) {
			t.Fatal("it did not happen")
		}
	}
}

// has tells whether so many answers are there.
func has(e *exchange, count int32) func() bool {
	return func() bool { return atomic.LoadInt32((*int32)(unsafe.Pointer(&e.shared.count))) == count }
}

// released tells whether only the test holds an exchange, on which nobody works any more.
func released(e *exchange) func() bool {
	return func() bool { return atomic.LoadInt32((*int32)(unsafe.Pointer(&e.shared.references))) == 1 }
}

// told is messages that come when they are sent; they end when the channel does.
type told struct {
	come   chan string
	closed chan struct{}
	ctx    context.Context
}

// Next waits for a message.
func (m *told) Next() ([]byte, error) {
	select {
	case message, more := <-m.come:
		if !more {
			return nil, io.EOF
		}
		return []byte(message), nil
	case <-m.ctx.Done():
		return nil, m.ctx.Err()
	}
}

// Close notes that it was called.
func (m *told) Close() {
	select {
	case <-m.closed:
	default:
		close(m.closed)
	}
}

// streamed gives an exchange with many answers, and where they come from.
func streamed(t *testing.T) (*exchange, *told) {
	t.Helper()
	e := asked(t)
	m := &told{come: make(chan string, 8), closed: make(chan struct{}), ctx: e.ctx}
	e.stream = m
	return e, m
}

// seven is a call that is answered at once.
func seven(context.Context) result { return result{present: true, number: 7} }

func TestCallEndsWithItsAnswer(t *testing.T) {
	e := asked(t)
	e.call = seven
	e.run()
	if got, want := given(e), []answer{{present: true, number: 7}}; !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
	if e.shared.ended == 0 || !released(e)() || e.ctx.Err() == nil || underWay.get(uint64(e.shared.id)) != nil {
		t.Errorf("it goes on: %+v", e)
	}
}

func TestStreamGivesItsMessagesAsThereIsRoomAndThenItsEnd(t *testing.T) {
	e, m := streamed(t)
	for _, message := range []string{"one", "two", "three", "four"} {
		m.come <- message
	}
	close(m.come)
	go e.run()
	until(t, has(e, 2))
	time.Sleep(10 * time.Millisecond) // for a third to come, which would be wrong
	if got, want := given(e), []answer{{message: "one"}, {message: "two"}}; !slices.Equal(got, want) {
		t.Fatalf("got %+v", got)
	}
	e.hasRoom()
	until(t, has(e, 2))
	if got, want := given(e), []answer{{message: "three"}, {message: "four"}}; !slices.Equal(got, want) {
		t.Fatalf("got %+v", got)
	}
	e.hasRoom()
	until(t, released(e))
	if got, want := given(e), []answer{{kind: kindEnd, message: "EOF"}}; !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
	<-m.closed
}

func TestCancelledStreamSaysSoEvenWithoutRoom(t *testing.T) {
	e, m := streamed(t)
	m.come <- "one"
	m.come <- "two"
	go e.run()
	until(t, has(e, 2))
	e.stop()
	until(t, released(e))
	if got := given(e); len(got) != 3 || got[2].kind != kindCancelled {
		t.Errorf("got %+v", got)
	}
	<-m.closed
}

func TestDroppedStreamEnds(t *testing.T) {
	e, m := streamed(t)
	e.shared.dropped = 1
	m.come <- "one"
	e.run()
	if got := given(e); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
	<-m.closed
}

func TestStoreThatNobodyWantsAnyMoreIsClosed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	e := asked(t)
	e.shared.dropped = 1
	e.call = openOptionsOf([]byte("file:" + dir + "\x00\x00\x000")).open
	e.run()
	opened, err := store.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	opened.Close()
}

// searching is messages, the first of which is found when there is no deadline.
type searching struct {
	ctx  context.Context
	late atomic.Bool // the deadline has passed
}

// Next searches until that takes too long.
func (m *searching) Next() ([]byte, error) {
	for !m.late.Load() {
		if err := m.ctx.Err(); err != nil {
			m.late.Store(errors.Is(err, context.DeadlineExceeded))
			return nil, err
		}
	}
	return []byte("found"), nil
}

// Close does nothing.
func (m *searching) Close() {}

func TestStepThatTakesLongIsBegunAgain(t *testing.T) {
	e := asked(t)
	m := &searching{ctx: e.deadline}
	e.stream = m
	e.step(true)
	until(t, has(e, 2))
	e.step(true) // does nothing
	if got, want := given(e), []answer{{message: "found"}, {message: "found"}}; !slices.Equal(got, want) || !e.running {
		t.Errorf("got %+v, running: %v", got, e.running)
	}
	e.stop()
	e.hasRoom()
	until(t, func() bool { return underWay.get(uint64(e.shared.id)) == nil })
}

func TestStepOfAnAppendThatTakesLongIsNotWaitedFor(t *testing.T) {
	e, answered := asked(t), make(chan struct{})
	e.shared.method = 1 // UMADB_APPEND
	e.call = func(ctx context.Context) result { <-answered; return seven(ctx) }
	e.step(true)
	if got := given(e); len(got) != 0 {
		t.Fatalf("got %+v", got)
	}
	close(answered)
	until(t, has(e, 1))
	if got, want := given(e), []answer{{present: true, number: 7}}; !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestStepsStayOnTheirThread(t *testing.T) {
	e, m := streamed(t)
	m.come <- "one"
	m.come <- "two"
	close(m.come)
	for _, want := range []answer{{message: "one"}, {message: "two"}, {kind: kindEnd, message: "EOF"}} {
		e.step(true)
		if got := given(e); !slices.Equal(got, []answer{want}) || e.running {
			t.Errorf("got %+v, want %+v, running: %v", got, want, e.running)
		}
	}
	<-m.closed
}
