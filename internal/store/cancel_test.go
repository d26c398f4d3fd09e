package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/umadb-go/umadb/dcb"
)

// weary is a context that is done once it has been asked so many times.
type weary struct {
	context.Context
	left int
}

// Err is context.Canceled in the end.
func (w *weary) Err() error {
	if w.left--; w.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestReadThatFindsNothingCanBeCancelled(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	defer s.Close()
	events := make([]dcb.Event, 10_000)
	for i := range events {
		events[i] = dcb.Event{Type: "t", Tags: []string{[]string{"even", "odd"}[i%2]}}
	}
	if _, err := s.Append(t.Context(), events, nil, nil); err != nil {
		t.Fatal(err)
	}
	query := dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"even", "odd"}}}}
	ctx := &weary{t.Context(), 5}
	if _, err := s.Read(ctx, query, dcb.ReadOptions{}).NextBatch(); !errors.Is(err, context.Canceled) {
		t.Errorf("the read ends with %v", err)
	}
}
