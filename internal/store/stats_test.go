package store_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

// naive contains the counts of a store, obtained by reading all of it.
type naive struct {
	events      uint64
	types, tags map[string]uint64
	sources     map[string]uint64
}

func countNaively(t *testing.T, s *store.Store) naive {
	t.Helper()
	n := naive{types: map[string]uint64{}, tags: map[string]uint64{}, sources: map[string]uint64{}}
	for _, record := range readRecords(t, s) {
		if record.Tracking != nil {
			n.sources[record.Tracking.Source] = record.Tracking.Position
		}
		if record.Position == 0 {
			continue
		}
		n.events++
		n.types[record.Event.Type]++
		for _, tag := range slices.Compact(slices.Sorted(slices.Values(record.Event.Tags))) {
			n.tags[tag]++
		}
	}
	return n
}

// ranked returns the first terms, ordered by count and name.
func ranked(counts map[string]uint64, top int) store.TermStats {
	all := []dcb.TermCount{}
	for name, events := range counts {
		all = append(all, dcb.TermCount{Name: name, Events: events})
	}
	slices.SortFunc(all, func(a, b dcb.TermCount) int {
		return cmp.Or(cmp.Compare(b.Events, a.Events), cmp.Compare(a.Name, b.Name))
	})
	return store.TermStats{Distinct: uint64(len(all)), Top: all[:min(top, len(all))]}
}

func stats(t *testing.T, s *store.Store, top int) *store.Stats {
	t.Helper()
	have, err := s.Stats(context.Background(), &store.StatsOptions{Top: top})
	if err != nil {
		t.Fatal(err)
	}
	return have
}

// trackingSources returns the listed sources, and fails if one is listed twice.
func trackingSources(t *testing.T, s *store.Store) map[string]uint64 {
	t.Helper()
	all := map[string]uint64{}
	for info, err := range s.TrackingSources(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		if _, again := all[info.Source]; again {
			t.Errorf("source %q is listed twice", info.Source)
		}
		all[info.Source] = info.Position
	}
	return all
}

// mustCount compares the counts of a store with those of reading all of it.
func mustCount(t *testing.T, s *store.Store) {
	t.Helper()
	want := countNaively(t, s)
	if have := trackingSources(t, s); !maps.Equal(have, want.sources) {
		t.Errorf("the sources are %v, want %v", have, want.sources)
	}
	for _, top := range []int{0, 1, 3, 1000} {
		have := stats(t, s, top)
		if have.Head != want.events || have.Events != want.events || have.Sources != uint64(len(want.sources)) || have.Uncovered > want.events {
			t.Errorf("counted %+v, want %d events and %d sources", have, want.events, len(want.sources))
		}
		if types := ranked(want.types, top); !reflect.DeepEqual(have.Types, types) {
			t.Errorf("the types are %v, want %v", have.Types, types)
		}
		if tags := ranked(want.tags, top); !reflect.DeepEqual(have.Tags, tags) {
			t.Errorf("the tags are %v, want %v", have.Tags, tags)
		}
	}
}

// dirSize returns the total size of the files in a directory.
func dirSize(t *testing.T, disk *vfs.Mem, dir string) (total int64) {
	t.Helper()
	names, err := disk.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		total += fileSize(t, disk, filepath.Join(dir, name))
	}
	return total
}

func TestStatsMatchNaiveCounts(t *testing.T) {
	_, _, disk := newFaultyStore(t)
	options := smallOptions(disk)
	for round := range 6 { // enough for compactions, with a reopening after each
		s, err := store.Open("/counted", options)
		if err != nil {
			t.Fatal(err)
		}
		for i := range uint64(15) {
			n := 100*uint64(round) + i
			event := dcb.Event{Type: fmt.Sprint("T", i%4), Tags: []string{"all", fmt.Sprint("n:", n), fmt.Sprint("m:", i%3), "all"}}
			tracking := &dcb.TrackingInfo{Source: fmt.Sprint("s", i%5), Position: n}
			if i%2 == 0 {
				tracking = nil
			}
			if _, err := s.Append(t.Context(), []dcb.Event{event, {}}, nil, tracking); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Append(t.Context(), nil, nil, &dcb.TrackingInfo{Source: fmt.Sprint("alone", n), Position: n}); err != nil {
				t.Fatal(err)
			}
		}
		mustCount(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s, err = store.Open("/counted", options)
		if err != nil {
			t.Fatal(err)
		}
		mustCount(t, s)
		have := stats(t, s, 0)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if have.FirstCommit.IsZero() || have.LastCommit.Before(have.FirstCommit) || have.Segments < 2 || have.Blocks < 1 {
			t.Errorf("counted %+v", have)
		}
		if onDisk := dirSize(t, disk, "/counted/log"); have.LogBytes != onDisk {
			t.Errorf("the log has %d bytes, and its files %d", have.LogBytes, onDisk)
		}
	}
}

func TestStatsOfEmptyStore(t *testing.T) {
	s := openStore(t, t.TempDir(), nil)
	have := stats(t, s, 10)
	if have.Events != 0 || have.Types.Distinct != 0 || have.Types.Top == nil || !have.FirstCommit.IsZero() || !have.LastCommit.IsZero() || have.Segments != 1 {
		t.Errorf("counted %+v", have)
	}
	if sources := trackingSources(t, s); len(sources) != 0 {
		t.Errorf("the sources are %v", sources)
	}
}

// During appends, flushes and compactions, all counts are of one moment.
func TestStatsDuringAppends(t *testing.T) {
	s := openStore(t, t.TempDir(), smallBlocks())
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		for i := 0; ctx.Err() == nil; i++ {
			events := []dcb.Event{{Type: "A", Tags: []string{fmt.Sprint(i)}}, {Type: "B", Tags: []string{"all"}}}
			if _, err := s.Append(context.Background(), events, nil, nil); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for range 100 {
		have := stats(t, s, 2)
		want := store.TermStats{Distinct: 2, Top: []dcb.TermCount{{Name: "A", Events: have.Head / 2}, {Name: "B", Events: have.Head / 2}}}
		if have.Head > 0 && (have.Head%2 != 0 || !reflect.DeepEqual(have.Types, want) || have.Tags.Distinct != 1+have.Head/2) {
			t.Fatalf("counted %+v", have)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestStatsOfCorruptIndexFail(t *testing.T) {
	s, _, disk := newFaultyStore(t)
	for i := range 5 { // too few blocks for a compaction
		mustAppend(t, s, fmt.Sprint(i), 3)
	}
	before := stats(t, s, 3)
	for before.Blocks < 4 {
		before = stats(t, s, 3)
	}
	block := slices.IndexFunc(disk.Files(), func(name string) bool { return strings.HasSuffix(name, ".idx") })
	name := disk.Files()[block]
	flipBit(t, disk, name, fileSize(t, disk, name)-4096) // in the last page: terms
	if _, err := s.Stats(t.Context(), nil); !errors.Is(err, dcb.ErrCorruption) || !strings.Contains(err.Error(), name) {
		t.Errorf("stats of a corrupt index: %v", err)
	}
	have, err := s.Stats(t.Context(), &store.StatsOptions{Top: 3})
	for errors.Is(err, dcb.ErrCorruption) { // until the block is rebuilt
		have, err = s.Stats(t.Context(), &store.StatsOptions{Top: 3})
	}
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(have.Types, before.Types) || !reflect.DeepEqual(have.Tags, before.Tags) {
		t.Errorf("counted %+v, want %+v", have, before)
	}
}

func TestStatsCanBeInterrupted(t *testing.T) {
	s := openStore(t, t.TempDir(), smallBlocks())
	mustAppend(t, s, "one", 2)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Stats(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("stats: %v", err)
	}
	for _, err := range s.TrackingSources(ctx) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("sources: %v", err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stats(t.Context(), nil); !errors.Is(err, dcb.ErrClosed) {
		t.Errorf("stats of a closed store: %v", err)
	}
}
