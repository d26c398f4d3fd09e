package store

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/record"
	"github.com/umadb-go/umadb/internal/vfs"
)

// library is a store with the events that it contains.
type library struct {
	store  *Store
	events []dcb.SequencedEvent
	big    bool // so many events that small messages would take too long
}

// newLibrary opens a store of n events of up to size bytes.
func newLibrary(t *testing.T, n, size, blockEvents int, segmentBytes int64) *library {
	s, err := Open("/store", &Options{FS: vfs.NewMem(), BlockEvents: blockEvents, SegmentBytes: segmentBytes, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	l := &library{store: s, big: n > 10_000}
	chance := rand.New(rand.NewPCG(uint64(n), uint64(size)))
	for len(l.events) < n {
		var events []dcb.Event
		for range 1 + chance.IntN(max(2, n/50)) {
			event := dcb.Event{Type: fmt.Sprint("type", chance.IntN(3)), Tags: []string{[]string{"even", "odd"}[len(events)%2]}}
			for tag := range 4 {
				if chance.IntN(4<<(2*tag)) == 0 {
					event.Tags = append(event.Tags, fmt.Sprint("tag", tag))
				}
			}
			if chance.IntN(200) == 0 {
				event.Tags = []string{"odd", "even"}
			}
			event.Data = make([]byte, chance.IntN(size+1))
			if size > 1000 && chance.IntN(40) == 0 {
				event.Data = make([]byte, 200_000+chance.IntN(200_000))
			}
			events = append(events, event)
			l.events = append(l.events, dcb.SequencedEvent{Position: uint64(len(l.events) + 1), Event: event})
		}
		if _, err := s.Append(t.Context(), events, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func drawLibraryQuery(t *rapid.T) (q dcb.Query) {
	for range rapid.IntRange(0, 3).Draw(t, "items") {
		q.Items = append(q.Items, dcb.QueryItem{
			Types: rapid.SliceOfN(rapid.SampledFrom([]string{"type0", "type1", "type9"}), 0, 2).Draw(t, "types"),
			Tags:  rapid.SliceOfN(rapid.SampledFrom([]string{"even", "odd", "tag0", "tag1", "tag2", "tag3", "tag9"}), 0, 2).Draw(t, "tags"),
		})
	}
	return q
}

// matching returns the events from low to high that a query matches.
func (l *library) matching(q dcb.Query, low, high uint64) []dcb.SequencedEvent {
	return slices.DeleteFunc(slices.Clone(l.events), func(e dcb.SequencedEvent) bool {
		return e.Position < low || e.Position > high || !q.Matches(e.Event.Type, e.Event.Tags)
	})
}

// drawBound returns a position, often at a limit.
func (l *library) drawBound(t *rapid.T) uint64 {
	head := uint64(len(l.events))
	return rapid.OneOf(rapid.SampledFrom([]uint64{0, 1, 2, head - 1, head, head + 1, math.MaxUint64 - 1, math.MaxUint64}), rapid.Uint64Range(0, head)).Draw(t, "position")
}

func (l *library) drawBatchSize(t *rapid.T) uint32 {
	sizes := rapid.SampledFrom([]uint32{255, 256, 257, 1024, 4096})
	if !l.big {
		sizes = rapid.OneOf(rapid.Uint32Range(1, 10), sizes)
	}
	return sizes.Draw(t, "batch size")
}

// next calls Next with a random size, and then with as much as it needs. It returns the
// events and the head of the message, and checks its size.
func (l *library) next(t *rapid.T, c record.Cursor, batchSize uint32) ([]dcb.SequencedEvent, uint64, error) {
	sizes := rapid.SampledFrom([]int{20_000, 320 << 10, math.MaxInt})
	if !l.big {
		sizes = rapid.OneOf(rapid.IntRange(1, 100), rapid.IntRange(1, 5000), sizes)
	}
	size := sizes.Draw(t, "size")
	if err := c.Wait(t.Context()); err != nil {
		return nil, 0, err
	}
	prefix := []byte("before")
	message, err := c.Next(t.Context(), prefix, size)
	small := (*record.MessageTooSmallError)(nil)
	if errors.As(err, &small) {
		if small.Need <= size {
			t.Fatalf("a message of %d bytes is too small for %d", size, small.Need)
		}
		size = small.Need
		message, err = c.Next(t.Context(), prefix, size)
	}
	if err != nil {
		return nil, 0, err
	}
	message = message[len(prefix):]
	if len(message) > max(size, record.MaxHeadBytes) {
		t.Fatalf("a message has %d bytes, and its limit is %d", len(message), size)
	}
	events, head, err := record.DecodeResponse(message)
	if err != nil {
		t.Fatal(err)
	}
	if len(events) > int(batchSize) || len(events) > 1 && len(message) > batchBytes+record.MaxHeadBytes {
		t.Fatalf("a message has %d events in %d bytes, with a batch size of %d", len(events), len(message), batchSize)
	}
	return events, head, nil
}

func (l *library) read(t *rapid.T) {
	q, options := drawLibraryQuery(t), dcb.ReadOptions{Backwards: rapid.Bool().Draw(t, "backwards")}
	low, high := uint64(0), uint64(math.MaxUint64)
	if rapid.Bool().Draw(t, "start?") {
		start := l.drawBound(t)
		options.Start = &start
		if options.Backwards {
			high = start
		} else {
			low = start
		}
	}
	want := l.matching(q, low, high)
	if options.Backwards {
		slices.Reverse(want)
	}
	wantHead := uint64(len(l.events))
	if rapid.Bool().Draw(t, "limit?") {
		limit := rapid.OneOf(rapid.Uint32Range(0, 20), rapid.SampledFrom([]uint32{255, 256, 257, 1024, 1025, math.MaxUint32})).Draw(t, "limit")
		options.Limit = &limit
		want = want[:min(len(want), int(limit))]
		wantHead = 0
		if len(want) > 0 {
			wantHead = want[len(want)-1].Position
		}
	}
	batchSize := l.drawBatchSize(t)
	c, err := l.store.OpenRead(t.Context(), &record.ReadRequest{Query: q, Options: options, BatchSize: batchSize})
	if err != nil {
		t.Fatal(err)
	}
	var got []dcb.SequencedEvent
	var head uint64
	messages := 0
	for {
		events, last, err := l.next(t, c, batchSize)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if messages++; len(events) == 0 && messages > 1 {
			t.Fatal("a later message has no events")
		}
		got, head = append(got, events...), last
	}
	l.compare(t, got, want)
	if head != wantHead {
		t.Fatalf("the head is %d, want %d", head, wantHead)
	}
	if _, err := c.Next(t.Context(), nil, math.MaxInt); !errors.Is(err, io.EOF) {
		t.Fatalf("after the end: %v", err)
	}
}

func (l *library) subscribe(t *rapid.T) {
	q, after := drawLibraryQuery(t), l.drawBound(t)
	batchSize := l.drawBatchSize(t)
	want := l.matching(q, after, math.MaxUint64)
	var c record.Cursor
	var err error
	if rapid.Bool().Draw(t, "read?") {
		r := &record.ReadRequest{Query: q, Options: dcb.ReadOptions{Start: &after}, BatchSize: batchSize, Subscribe: true}
		if rapid.Bool().Draw(t, "limit?") {
			limit := rapid.Uint32Range(0, 300).Draw(t, "limit")
			r.Options.Limit = &limit
			want = want[:min(len(want), int(limit))]
		}
		c, err = l.store.OpenRead(t.Context(), r)
	} else {
		if len(want) > 0 && want[0].Position == after {
			want = want[1:]
		}
		c, err = l.store.OpenSubscription(&record.SubscribeRequest{Query: q, After: after, BatchSize: batchSize})
	}
	if err != nil {
		t.Fatal(err)
	}
	var got []dcb.SequencedEvent
	for c := c.(*cursor); c.hasUnchecked() && !c.done; {
		events, _, err := l.next(t, c, batchSize)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, events...)
	}
	l.compare(t, got, want)
}

func (l *library) compare(t *rapid.T, got, want []dcb.SequencedEvent) {
	same := func(a, b dcb.SequencedEvent) bool {
		return a.Position == b.Position && a.Event.Type == b.Event.Type && slices.Equal(a.Event.Tags, b.Event.Tags) && len(a.Event.Data) == len(b.Event.Data)
	}
	if !slices.EqualFunc(got, want, same) {
		t.Fatalf("%d events, want %d", len(got), len(want))
	}
}

// Reads and subscriptions return the events that match, whatever the size of a message is
// and wherever blocks, segments and slices end.
func TestReadsInMessagesOfAnySizeReturnTheMatchingEvents(t *testing.T) {
	for name, l := range map[string]*library{
		"empty":              newLibrary(t, 0, 0, 10, 1<<20),
		"one block":          newLibrary(t, 50, 100, 1000, 1<<20),
		"many blocks":        newLibrary(t, 1000, 300, 30, 20_000),
		"large events":       newLibrary(t, 300, 8000, 70, 1<<20),
		"slices":             newLibrary(t, 25_000, 3, 20_000, 1<<20),
		"slices in one head": newLibrary(t, 25_000, 0, 100_000, 1<<30),
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				if rapid.Bool().Draw(t, "subscribe") {
					l.subscribe(t)
				} else {
					l.read(t)
				}
			})
		})
	}
}
