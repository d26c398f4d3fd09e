//go:build cgo

package main

import (
	"context"
	"io"
	"testing"
)

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

// streamed gives a stream over messages.
func streamed(t *testing.T) (stream, *told) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	m := &told{come: make(chan string, 4), closed: make(chan struct{}), ctx: ctx}
	return stream{ctx: ctx, stop: cancel, messages: m}, m
}

// prompted gives a prompt stream of a stream.
func prompted(s stream) *prompt { return &prompt{stream: s, haste: &haste{Context: s.ctx}} }

// nextOf gives the next answer of a stream, which must be there soon.
func nextOf(t *testing.T, s streaming) answer {
	t.Helper()
	to := newSlot()
	if !s.next(soon, notification{}, &to.answers[0]) {
		t.Fatal("no answer came")
	}
	return to.take()
}

func TestStreamsGiveTheirMessagesAndThenTheirEnd(t *testing.T) {
	quick, first := streamed(t)
	slow, second := streamed(t)
	for name, tc := range map[string]struct {
		streaming
		*told
	}{"prompt": {prompted(quick), first}, "pumped": {pumped(slow), second}} {
		for _, message := range []string{"one", "two", "three"} {
			tc.come <- message
		}
		close(tc.come)
		for _, want := range []answer{{message: "one"}, {message: "two"}, {message: "three"}, {kind: kindEnd, message: "EOF"}, {kind: kindEnd, message: "EOF"}} {
			if got := nextOf(t, tc.streaming); got != want {
				t.Errorf("%s: got %+v, want %+v", name, got, want)
			}
		}
		<-tc.closed
		tc.free()
	}
}

func TestPumpTellsOnceThatAMessageHasCome(t *testing.T) {
	n, next := piped(t)
	base, m := streamed(t)
	p, to := pumped(base), newSlot()
	defer p.free()
	if p.next(0, notification{to: n, handle: 5}, &to.answers[0]) {
		t.Fatal("there is a message before one was sent")
	}
	m.come <- "one"
	if got := next(); got != 5 {
		t.Errorf("told of %d", got)
	}
	m.come <- "two"
	for _, want := range []string{"one", "two"} {
		if got := nextOf(t, p); got.message != want {
			t.Errorf("got %+v, want %q", got, want)
		}
	}
	if p.next(0, notification{to: n, handle: 6}, &to.answers[0]) {
		t.Error("there is a third message")
	}
	m.come <- "three"
	if got := next(); got != 6 {
		t.Errorf("told of %d", got)
	}
}

func TestCancelledStreamSaysSo(t *testing.T) {
	quick, _ := streamed(t)
	slow, m := streamed(t)
	p := pumped(slow)
	m.come <- "before"
	nextOf(t, p)
	for name, s := range map[string]streaming{"prompt": prompted(quick), "pumped": p} {
		s.cancel()
		if got := nextOf(t, s); got.kind != kindCancelled {
			t.Errorf("%s: %+v", name, got)
		}
		s.free()
	}
	<-m.closed
}

func TestRegistryCancelsThoseThatAreInIt(t *testing.T) {
	first, _ := streamed(t)
	second, _ := streamed(t)
	in, out := pumped(first), pumped(second)
	var r registry
	r.add(in)
	r.add(out)
	r.remove(out)
	r.cancelAll()
	if in.ctx.Err() == nil || out.ctx.Err() != nil {
		t.Errorf("the one in it: %v; the other: %v", in.ctx.Err(), out.ctx.Err())
	}
}
