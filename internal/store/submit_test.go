package store

import (
	"context"
	"errors"
	"testing"
)

// newSubmission returns an append of one event that is neither queued nor decided, and the
// channel of its result.
func newSubmission(t *testing.T, s *Store) (*submission, <-chan error) {
	t.Helper()
	if err := s.gate.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 2)
	m := &submission{store: s, done: func(_ uint64, err error) { done <- err }}
	m.op.request = newTestOperation(t, alternating(1, "tag"), nil).request
	return m, done
}

// An append that was cancelled while the writer decided it, and has to be checked again, has
// no effect.
func TestStaleSubmissionCanBeCancelled(t *testing.T) {
	s, _ := newSlowStore(t)
	m, done := newSubmission(t, s)
	m.op.claim()
	m.cancel()
	m.decided(result{stale: true})
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	if head, err := s.Head(t.Context()); head != 0 || err != nil {
		t.Errorf("the append is at %d: %v", head, err)
	}
}

// The queue keeps a cancelled append until its turn, without its request.
func TestCancelledSubmissionDropsItsRequest(t *testing.T) {
	s, _ := newSlowStore(t)
	m, _ := newSubmission(t, s)
	if m.cancel(); m.op.request != nil {
		t.Error("the request is kept")
	}
}
