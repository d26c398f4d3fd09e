package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/umadb-go/umadb/dcb"
)

// countedContext is a context that is done after left calls of Err.
type countedContext struct {
	context.Context
	left int
}

// Err implements context.Context.
func (c *countedContext) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestReadWithoutMatchesCanBeCancelled(t *testing.T) {
	s := openStore(t, t.TempDir(), nil)
	defer s.Close()
	events := make([]dcb.Event, 10_000)
	for i := range events {
		events[i] = dcb.Event{Type: "t", Tags: []string{[]string{"even", "odd"}[i%2]}}
	}
	if _, err := s.Append(t.Context(), events, nil, nil); err != nil {
		t.Fatal(err)
	}
	query := dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"even", "odd"}}}}
	ctx := &countedContext{t.Context(), 5}
	if _, err := s.Read(ctx, query, dcb.ReadOptions{}).NextBatch(); !errors.Is(err, context.Canceled) {
		t.Errorf("read: error %v, want context.Canceled", err)
	}
}
