package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// countedQueries are queries of each kind that is counted differently.
var countedQueries = []dcb.Query{
	{},
	{Items: []dcb.QueryItem{{Tags: []string{"all"}}}},
	{Items: []dcb.QueryItem{{Tags: []string{"odd"}}}},
	{Items: []dcb.QueryItem{{Types: []string{"T1"}}}},
	{Items: []dcb.QueryItem{{Types: []string{"T1", "T2", "T1", "absent"}}, {Types: []string{"T2", "T0"}}}},
	{Items: []dcb.QueryItem{{Types: []string{"T1", "T2"}}, {}}},
	{Items: []dcb.QueryItem{{Types: []string{"T1"}, Tags: []string{"odd"}}}},
	{Items: []dcb.QueryItem{{Types: []string{"T1"}}, {Tags: []string{"odd"}}}},
	{Items: []dcb.QueryItem{{Tags: []string{"odd", "all"}}, {Tags: []string{"all", "rare"}}}},
	{Items: []dcb.QueryItem{{Tags: []string{"odd", "even"}}}},
	{Items: []dcb.QueryItem{{Tags: []string{"absent"}}}},
}

// randomEvents returns events that some of countedQueries match.
func randomEvents(random *rand.Rand, n int) []dcb.Event {
	events := make([]dcb.Event, n)
	for i := range events {
		events[i] = dcb.Event{Type: fmt.Sprint("T", random.IntN(4)), Tags: []string{"all", []string{"odd", "even"}[random.IntN(2)]}}
		if random.IntN(50) == 0 {
			events[i].Tags = append(events[i].Tags, "rare")
		}
	}
	return events
}

// mustCountBetween compares the counts between random bounds with those of a naive model.
func mustCountBetween(t *testing.T, s dcb.TermIndex, events []dcb.Event, random *rand.Rand) {
	t.Helper()
	for _, q := range countedQueries {
		var bounds []uint64
		for range 2 + random.IntN(20) {
			bounds = append(bounds, random.Uint64N(uint64(len(events)+3)))
		}
		slices.Sort(bounds)
		want := make([]uint64, len(bounds)-1)
		for i := range want {
			for position := bounds[i] + 1; position <= min(bounds[i+1], uint64(len(events))); position++ {
				if e := events[position-1]; q.Matches(e.Type, e.Tags) {
					want[i]++
				}
			}
		}
		have, err := s.CountEvents(t.Context(), q, bounds)
		if err != nil || !slices.Equal(have, want) {
			t.Errorf("%v between %v has %v events (%v), want %v", q, bounds, have, err, want)
		}
	}
}

func TestCountsOfRandomStores(t *testing.T) {
	for name, options := range map[string]store.Options{"small blocks": *smallBlocks(), "large blocks": {BlockEvents: 1500}} {
		for seed := range uint64(4) {
			random := rand.New(rand.NewPCG(seed, 0))
			options.FS = vfs.NewMem()
			s, err := store.Open("/counted", &options)
			if err != nil {
				t.Fatal(err)
			}
			s.LimitStates([]int{1, 100, 5000, 1 << 20}[seed])
			var events []dcb.Event
			for range 6 {
				more := randomEvents(random, 1+random.IntN(700))
				if _, err := s.Append(t.Context(), more, nil, nil); err != nil {
					t.Fatal(err)
				}
				events = append(events, more...)
				mustCountBetween(t, s, events, random)
			}
			if t.Failed() {
				t.Fatalf("%s, seed %d", name, seed)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A reader beside a writer counts what is durable.
func TestCountsOfReader(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, smallBlocks())
	r, err := store.Open(dir, &store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	random := rand.New(rand.NewPCG(1, 2))
	var events []dcb.Event
	for range 5 {
		more := randomEvents(random, 40)
		if _, err := s.Append(t.Context(), more, nil, nil); err != nil {
			t.Fatal(err)
		}
		events = append(events, more...)
		mustReach(t, r, uint64(len(events)))
		mustCountBetween(t, r, events, random)
	}
}

// Each append has an event of type A and one of type B. During appends, flushes and compactions, the
// numbers of a call include both or neither.
func TestCountsAreOfOneHead(t *testing.T) {
	s := openStore(t, t.TempDir(), smallBlocks())
	s.LimitStates(10)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			if _, err := s.Append(context.Background(), []dcb.Event{{Type: "A", Tags: []string{"x"}}, {Type: "B", Tags: []string{"x"}}}, nil, nil); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	queries := []dcb.Query{
		{},
		{Items: []dcb.QueryItem{{Tags: []string{"x"}}}},
		{Items: []dcb.QueryItem{{Types: []string{"A", "B"}}}},
		{Items: []dcb.QueryItem{{Types: []string{"A", "B"}, Tags: []string{"x"}}}},
	}
	for i, least := 0, uint64(0); i < 20 || least < 500; i++ {
		for _, q := range queries {
			counts, err := s.CountEvents(t.Context(), q, []uint64{0, 7, 100, 1 << 40})
			if err != nil {
				t.Fatal(err)
			}
			sum := counts[0] + counts[1] + counts[2]
			if sum%2 != 0 || sum < least {
				t.Fatalf("%v has %v events after %d", q, counts, least)
			}
			least = sum
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestCountIsInterrupted(t *testing.T) {
	s := store.OpenMemory()
	if _, err := s.Append(t.Context(), randomEvents(rand.New(rand.NewPCG(0, 0)), 100), nil, nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, q := range countedQueries {
		if _, err := s.CountEvents(ctx, q, []uint64{0, 100}); !errors.Is(err, context.Canceled) {
			t.Errorf("%v with a cancelled context: %v", q, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, q := range countedQueries {
		if _, err := s.CountEvents(t.Context(), q, []uint64{0, 100}); !errors.Is(err, dcb.ErrClosed) {
			t.Errorf("%v of a closed store: %v", q, err)
		}
	}
}

func TestCountNeverUsesCorruptIndex(t *testing.T) {
	s, _, disk := newFaultyStore(t)
	for i := range 5 { // too few blocks for a compaction
		mustAppend(t, s, fmt.Sprint(i), 3)
	}
	deadline := time.Now().Add(time.Minute)
	for ; stats(t, s, 0).Blocks < 4; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("there are %d blocks, want 4", stats(t, s, 0).Blocks)
		}
	}
	block := slices.IndexFunc(disk.Files(), func(name string) bool { return strings.HasSuffix(name, ".idx") })
	name := disk.Files()[block]
	events, _, err := s.Read(t.Context(), dcb.Query{}, dcb.ReadOptions{}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	flipBit(t, disk, name, fileSize(t, disk, name)-4096) // in the last page: terms
	query := dcb.Query{Items: []dcb.QueryItem{{Types: []string{events[0].Event.Type}}}}
	for range 2 {
		counts, err := s.CountEvents(t.Context(), query, []uint64{0, 100})
		for errors.Is(err, dcb.ErrCorruption) && time.Now().Before(deadline) { // until the block is rebuilt
			time.Sleep(time.Millisecond)
			counts, err = s.CountEvents(t.Context(), query, []uint64{0, 100})
		}
		if err != nil || counts[0] != uint64(len(events)) {
			t.Fatalf("%v events, %v; want %d", counts, err, len(events))
		}
	}
}
