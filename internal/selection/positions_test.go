package selection_test

import (
	"context"
	"io"
	"math"
	"slices"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/selection"
)

// numbered is a store with as many events as its value. It answers reads without a query.
type numbered struct {
	dcb.EventStore
	events uint64
}

func (n numbered) Read(_ context.Context, _ dcb.Query, options dcb.ReadOptions) *dcb.ReadResponse {
	var batch []dcb.SequencedEvent
	for i := range n.events {
		position := i + 1
		if options.Backwards {
			position = n.events - i
		}
		before := options.Start != nil && (options.Backwards && position > *options.Start || !options.Backwards && position < *options.Start)
		if !before && (options.Limit == nil || len(batch) < int(*options.Limit)) {
			batch = append(batch, dcb.SequencedEvent{Position: position})
		}
	}
	next := func() ([]dcb.SequencedEvent, uint64, error) {
		if batch == nil {
			return nil, 0, io.EOF
		}
		last := batch
		batch = nil
		return last, n.events, nil
	}
	return dcb.NewReadResponse(next, func() {})
}

func TestPositionsAndOptionsBothApply(t *testing.T) {
	s := numbered{events: 9}
	for _, c := range []struct {
		part    selection.Positions
		options dcb.ReadOptions
		want    []uint64
	}{
		{selection.Positions{First: 3, Last: 6}, dcb.ReadOptions{Start: new(uint64(5))}, []uint64{5, 6}},
		{selection.Positions{First: 3, Last: 6}, dcb.ReadOptions{Start: new(uint64(2))}, []uint64{3, 4, 5, 6}},
		{selection.Positions{First: 3, Last: 6}, dcb.ReadOptions{Start: new(uint64(5)), Backwards: true}, []uint64{5, 4, 3}},
		{selection.Positions{First: 3, Last: 6}, dcb.ReadOptions{Start: new(uint64(8)), Backwards: true}, []uint64{6, 5, 4, 3}},
		{selection.Positions{First: 3, Last: 6}, dcb.ReadOptions{Limit: new(uint32(2))}, []uint64{3, 4}},
		{selection.Positions{First: 3, Last: 6}, dcb.ReadOptions{Start: new(uint64(8))}, nil},
		{selection.Positions{First: 3, Last: 6}, dcb.ReadOptions{Start: new(uint64(1)), Backwards: true}, nil},
		{selection.Positions{First: 3, Last: 2}, dcb.ReadOptions{}, nil},
		{selection.Positions{First: 1, Last: 0}, dcb.ReadOptions{Backwards: true}, nil},
		{selection.Positions{First: 8, Last: math.MaxUint64}, dcb.ReadOptions{}, []uint64{8, 9}},
	} {
		events, _, err := c.part.Read(t.Context(), s, dcb.Query{}, c.options).Collect()
		var got []uint64
		for _, event := range events {
			got = append(got, event.Position)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%+v with %+v: %v (%v), want %v", c.part, c.options, got, err, c.want)
		}
	}
}

func TestBoundsOfPositions(t *testing.T) {
	for _, c := range []struct {
		part  selection.Positions
		after uint64
		want  []uint64
	}{
		{selection.All, 0, []uint64{0, math.MaxUint64}},
		{selection.All, math.MaxUint64, []uint64{math.MaxUint64, math.MaxUint64}},
		{selection.Positions{First: 3, Last: 6}, 0, []uint64{2, 6}},
		{selection.Positions{First: 3, Last: 6}, 4, []uint64{4, 6}},
		{selection.Positions{First: 3, Last: 6}, 9, []uint64{9, 9}},
		{selection.Positions{First: 3, Last: 0}, 0, []uint64{2, 2}},
	} {
		if got := c.part.Bounds(c.after); !slices.Equal(got, c.want) || c.part.After(c.after) != c.want[0] {
			t.Errorf("%+v after %d has the bounds %v, want %v", c.part, c.after, got, c.want)
		}
	}
}
