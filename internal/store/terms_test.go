package store_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/dcb"
	"github.com/umadb-go/umadb/internal/store"
	"github.com/umadb-go/umadb/internal/vfs"
)

var _ dcb.TermIndex = (*store.Store)(nil)

// orderedTerms returns the counts of the names with a prefix, in an order.
func orderedTerms(counts map[string]uint64, prefix string, order dcb.TermOrder) []dcb.TermCount {
	var all []dcb.TermCount
	for name, events := range counts {
		if strings.HasPrefix(name, prefix) {
			all = append(all, dcb.TermCount{Name: name, Events: events})
		}
	}
	slices.SortFunc(all, func(a, b dcb.TermCount) int {
		if order == dcb.ByEvents && a.Events != b.Events {
			return cmp.Compare(b.Events, a.Events)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all
}

// collect returns the terms, sorted by name unless they are in an order, and their distinct number.
func collect(t *testing.T, response *dcb.TermsResponse, order dcb.TermOrder) ([]dcb.TermCount, uint64) {
	t.Helper()
	terms, distinct, err := response.Collect()
	if err != nil {
		t.Fatal(err)
	}
	if order == dcb.AnyOrder {
		slices.SortFunc(terms, func(a, b dcb.TermCount) int { return strings.Compare(a.Name, b.Name) })
	}
	return terms, distinct
}

// mustListTerms compares the answers about types or tags with the counts of a naive model.
func mustListTerms(t *testing.T, ask func(context.Context, dcb.TermsOptions) *dcb.TermsResponse, counts map[string]uint64, prefixes ...string) {
	t.Helper()
	for _, prefix := range prefixes {
		for _, order := range []dcb.TermOrder{dcb.AnyOrder, dcb.ByEvents, dcb.ByName} {
			all := orderedTerms(counts, prefix, order)
			for _, limit := range []int{0, 1, 2, max(1, len(all)), len(all) + 1} {
				if limit == 0 && order != dcb.AnyOrder {
					continue
				}
				have, distinct := collect(t, ask(t.Context(), dcb.TermsOptions{Prefix: prefix, Order: order, Limit: uint32(limit)}), order)
				want := all
				if limit > 0 {
					want = all[:min(limit, len(all))]
				}
				switch {
				case order == dcb.AnyOrder && limit > 0:
					for _, term := range have {
						if !slices.Contains(all, term) {
							t.Errorf("%v is listed with the prefix %q", term, prefix)
						}
					}
					if len(have) != len(want) || distinct != 0 && distinct != uint64(len(all)) {
						t.Errorf("prefix %q, limit %d: %d terms and %d distinct, want %d", prefix, limit, len(have), distinct, len(want))
					}
				case !slices.Equal(have, want) || distinct != uint64(len(all)):
					t.Errorf("prefix %q, order %d, limit %d: %v of %d, want %v of %d", prefix, order, limit, have, distinct, want, len(all))
				}
			}
		}
	}
}

// mustAnswer compares all answers of an index with a naive model.
func mustAnswer(t *testing.T, s dcb.TermIndex, want naive) {
	t.Helper()
	mustListTerms(t, s.Types, want.types, "", "T", "T1", "absent")
	mustListTerms(t, s.Tags, want.tags, "", "n:", "n:1", "m:", "all", "absent")
	query := dcb.Query{Items: []dcb.QueryItem{{Types: []string{"absent", "T1"}, Tags: []string{"all", "n:1", "absent"}}, {}, {Tags: []string{"T1", "all"}}}}
	for name := range want.types {
		query.Items = append(query.Items, dcb.QueryItem{Types: []string{name}})
	}
	for name := range want.tags {
		query.Items = append(query.Items, dcb.QueryItem{Tags: []string{name, name}})
	}
	counted, err := s.CountTerms(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	types, tags := maps.Clone(want.types), maps.Clone(want.tags)
	for _, name := range []string{"absent", "T1"} {
		types[name] += 0
	}
	for _, name := range []string{"all", "n:1", "absent", "T1"} {
		tags[name] += 0
	}
	if have := byName(t, counted.Types); !maps.Equal(have, types) {
		t.Errorf("the types of the query have %v, want %v", have, types)
	}
	if have := byName(t, counted.Tags); !maps.Equal(have, tags) {
		t.Errorf("the tags of the query have %v, want %v", have, tags)
	}
}

// byName returns counts by name, and fails if a name is repeated.
func byName(t *testing.T, counts []dcb.TermCount) map[string]uint64 {
	t.Helper()
	all := map[string]uint64{}
	for _, c := range counts {
		if _, again := all[c.Name]; again {
			t.Errorf("%q is repeated", c.Name)
		}
		all[c.Name] = c.Events
	}
	return all
}

func TestTermsMatchNaiveCounts(t *testing.T) {
	_, _, disk := newFaultyStore(t)
	options := smallOptions(disk)
	for round := range 6 { // enough for compactions, with a reopening after each
		s, err := store.Open("/counted", options)
		if err != nil {
			t.Fatal(err)
		}
		for i := range uint64(15) {
			n := 100*uint64(round) + i
			event := dcb.Event{Type: fmt.Sprint("T", i%4), Tags: []string{"all", fmt.Sprint("n:", n), fmt.Sprint("m:", i%3), "all", ""}}
			if _, err := s.Append(t.Context(), []dcb.Event{event, {}}, nil, &dcb.TrackingInfo{Source: "n:", Position: n}); err != nil {
				t.Fatal(err)
			}
		}
		s.LimitPasses([]uint64{1, 11, 50}[round%3])
		mustAnswer(t, s, countNaively(t, s))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if s, err = store.Open("/counted", options); err != nil {
			t.Fatal(err)
		}
		mustAnswer(t, s, countNaively(t, s))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTermsOfRandomStores(t *testing.T) {
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 0))
		s := openStore(t, t.TempDir(), smallBlocks())
		s.LimitPasses(1 + random.Uint64N(20))
		for range random.IntN(30) {
			var events []dcb.Event
			for range 1 + random.IntN(4) {
				event := dcb.Event{Type: fmt.Sprint("T", random.IntN(6))}
				for range random.IntN(4) {
					event.Tags = append(event.Tags, fmt.Sprintf("%c:%d", "nm"[random.IntN(2)], random.IntN(30)))
				}
				events = append(events, event)
			}
			if _, err := s.Append(t.Context(), events, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
		mustAnswer(t, s, countNaively(t, s))
	}
}

// A reader beside a writer answers with what is durable.
func TestTermsOfReader(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, smallBlocks())
	r, err := store.Open(dir, &store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for i := range 30 {
		event := dcb.Event{Type: fmt.Sprint("T", i%4), Tags: []string{"all", fmt.Sprint("n:", i)}}
		if _, err := s.Append(t.Context(), []dcb.Event{event}, nil, nil); err != nil {
			t.Fatal(err)
		}
		if i%10 == 9 {
			mustReach(t, r, uint64(i+1))
			mustAnswer(t, r, countNaively(t, s))
		}
	}
}

// During appends, flushes and compactions, the counts of an order are of one moment, and all terms
// that have events before are listed.
func TestTermsDuringAppends(t *testing.T) {
	s := openStore(t, t.TempDir(), smallBlocks())
	s.LimitPasses(10)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		for i := 0; ctx.Err() == nil; i++ {
			events := []dcb.Event{{Type: "A", Tags: []string{fmt.Sprint("n:", i)}}, {Type: "B", Tags: []string{"all"}}}
			if _, err := s.Append(context.Background(), events, nil, nil); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for i, last := 0, uint64(0); i < 20 || last < 500; i++ {
		types, distinct := collect(t, s.Types(t.Context(), dcb.TermsOptions{Order: dcb.ByName, Limit: 10}), dcb.ByName)
		if len(types) > 0 && (len(types) != 2 || distinct != 2 || types[0].Events != types[1].Events) {
			t.Fatalf("the types are %v", types)
		}
		head, err := s.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		tags, _ := collect(t, s.Tags(t.Context(), dcb.TermsOptions{Prefix: "n:"}), dcb.AnyOrder)
		if last = head; uint64(len(tags)) < head/2 || !slices.Equal(tags, slices.Compact(slices.Clone(tags))) {
			t.Fatalf("%d tags are listed after %d events", len(tags), head)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// manyTags returns a store with a number of events, each with a tag of its own. It is read-only: no
// block is written or compacted meanwhile.
func manyTags(t *testing.T, events int) *store.Store {
	t.Helper()
	options := store.Options{FS: vfs.NewMem(), BlockEvents: 10_000}
	s, err := store.Open("/many", &options)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < events; {
		var batch []dcb.Event
		for ; at < events && len(batch) < 10_000; at++ {
			batch = append(batch, dcb.Event{Type: "T", Tags: []string{fmt.Sprintf("student:%0100d", at)}})
		}
		if _, err := s.Append(t.Context(), batch, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	options.ReadOnly = true
	if s, err = store.Open("/many", &options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// The memory of an answer does not depend on the number of tags.
func TestTermsNeedBoundedMemory(t *testing.T) {
	const events = 60_000
	s := manyTags(t, events) // the names have 6 MB
	s.LimitPasses(10_000)
	live := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, most, count := live(), uint64(0), 0
	for _, err := range s.Tags(t.Context(), dcb.TermsOptions{Prefix: "student:"}).All() {
		if err != nil {
			t.Fatal(err)
		}
		if count++; count%10_000 == 0 {
			most = max(most, live())
		}
	}
	if count != events {
		t.Errorf("%d tags are listed, want %d", count, events)
	}
	if most > before+2<<20 {
		t.Errorf("the memory grew by %d KiB", (most-before)>>10)
	}
	s.LimitPasses(1 << 20) // so that windows are reused
	first, distinct := collect(t, s.Tags(t.Context(), dcb.TermsOptions{Order: dcb.ByName, Limit: 1000}), dcb.ByName)
	if len(first) != 1000 || distinct != events {
		t.Fatalf("%d of %d tags are listed", len(first), distinct)
	}
	for i, tag := range first {
		if want := fmt.Sprintf("student:%0100d", i); tag.Name != want {
			t.Fatalf("tag %d is %q, want %q", i, tag.Name, want)
		}
	}
}

// Long names that are not among the first ones do not make an answer too long.
func TestTermsThatAreComparedMayBeLong(t *testing.T) {
	s := store.OpenMemory()
	defer s.Close()
	var events []dcb.Event
	for i := range 3000 {
		events = append(events, dcb.Event{Tags: []string{fmt.Sprintf("long:%0300d", i)}})
		if short := (dcb.Event{Tags: []string{fmt.Sprint("short:", i)}}); i < 1000 {
			events = append(events, short, short)
		}
	}
	if _, err := s.Append(t.Context(), events, nil, nil); err != nil {
		t.Fatal(err)
	}
	terms, _ := collect(t, s.Tags(t.Context(), dcb.TermsOptions{Order: dcb.ByEvents, Limit: 1000}), dcb.ByEvents)
	if len(terms) != 1000 || terms[999].Events != 2 {
		t.Errorf("%d tags, the last one %+v", len(terms), terms[len(terms)-1])
	}
	if _, _, err := s.Tags(t.Context(), dcb.TermsOptions{Order: dcb.ByName, Limit: 1000}).Collect(); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("an answer of 300 kB: %v", err)
	}
}

// Without an order, a search ends when enough names are found.
func TestTermsWithLimitEndEarly(t *testing.T) {
	s := manyTags(t, 20_000)
	s.LimitPasses(1000)
	before := s.Metrics().Cache
	if terms, distinct := collect(t, s.Tags(t.Context(), dcb.TermsOptions{Limit: 50}), dcb.AnyOrder); len(terms) != 50 || distinct != 0 {
		t.Errorf("%d tags are listed, of %d", len(terms), distinct)
	}
	if after := s.Metrics().Cache; after.Bytes != before.Bytes {
		t.Errorf("the pages of the cache grew from %d to %d bytes", before.Bytes, after.Bytes)
	}
}

func TestTermsWithLongNames(t *testing.T) {
	s := openStore(t, t.TempDir(), nil)
	want := map[string]uint64{}
	for i := range 4 {
		name := strings.Repeat(fmt.Sprint(i), 100<<10)
		want[name] = 1
		if _, err := s.Append(t.Context(), []dcb.Event{{Type: "T", Tags: []string{name}}}, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if all, _ := collect(t, s.Tags(t.Context(), dcb.TermsOptions{}), dcb.AnyOrder); !maps.Equal(byName(t, all), want) {
		t.Errorf("%d tags are listed", len(all))
	}
	if first, distinct := collect(t, s.Tags(t.Context(), dcb.TermsOptions{Order: dcb.ByName, Limit: 1}), dcb.ByName); len(first) != 1 || first[0].Name[0] != '0' || distinct != 4 {
		t.Errorf("the first of %d tags are %v", distinct, first)
	}
	_, _, err := s.Tags(t.Context(), dcb.TermsOptions{Order: dcb.ByName, Limit: 3}).Collect()
	if !errors.Is(err, dcb.ErrInvalidArgument) || !strings.Contains(err.Error(), "lower the limit") {
		t.Errorf("long names in an order: %v", err)
	}
}

func TestTermsRefuseInvalidOptions(t *testing.T) {
	s := openStore(t, t.TempDir(), nil)
	for _, options := range []dcb.TermsOptions{
		{Order: dcb.ByEvents},
		{Order: dcb.ByName},
		{Order: dcb.ByName, Limit: dcb.MaxOrderedTerms + 1},
		{Order: dcb.ByName + 1, Limit: 1},
		{Prefix: "\xff"},
		{Prefix: strings.Repeat("x", dcb.MaxPrefixBytes+1)},
	} {
		for _, response := range []*dcb.TermsResponse{s.Types(t.Context(), options), s.Tags(t.Context(), options)} {
			if _, _, err := response.Collect(); !errors.Is(err, dcb.ErrInvalidArgument) {
				t.Errorf("%.60v: %v", options, err)
			}
		}
	}
	if _, err := s.CountTerms(t.Context(), dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"\xff"}}}}); !errors.Is(err, dcb.ErrInvalidArgument) {
		t.Errorf("an invalid query: %v", err)
	}
}

func TestTermsAreInterrupted(t *testing.T) {
	s := manyTags(t, 20_000)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	response := s.Tags(ctx, dcb.TermsOptions{})
	count := 0
	for _, err := range response.All() {
		if count++; count == 1 {
			cancel()
		}
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("a cancelled call ends with %v", err)
			}
			break
		}
	}
	if count == 20_000 {
		t.Error("a cancelled call lists all tags")
	}
	if _, _, err := s.Tags(ctx, dcb.TermsOptions{Order: dcb.ByName, Limit: 1}).Collect(); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled call ends with %v", err)
	}
	if _, err := s.CountTerms(ctx, dcb.Query{Items: []dcb.QueryItem{{Tags: []string{"a"}}}}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled count ends with %v", err)
	}

	open := s.Tags(t.Context(), dcb.TermsOptions{}).All()
	count = 0
	for _, err := range open {
		if count++; count == 1 {
			if err := s.Close(); err != nil { // does not wait for the iteration
				t.Fatal(err)
			}
		}
		if err != nil && !errors.Is(err, dcb.ErrClosed) {
			t.Errorf("closing the store ends the call with %v", err)
		}
	}
	if count == 20_000 {
		t.Error("a closed store lists all tags")
	}
}

func TestTermsOfCorruptIndexFail(t *testing.T) {
	for _, order := range []dcb.TermOrder{dcb.AnyOrder, dcb.ByName} {
		s, _, disk := newFaultyStore(t)
		for i := range 5 { // too few blocks for a compaction
			mustAppend(t, s, fmt.Sprint(i), 3)
		}
		for stats(t, s, 0).Blocks < 4 {
		}
		block := slices.IndexFunc(disk.Files(), func(name string) bool { return strings.HasSuffix(name, ".idx") })
		name := disk.Files()[block]
		flipBit(t, disk, name, fileSize(t, disk, name)-4096) // in the last page: terms
		options := dcb.TermsOptions{Order: order, Limit: 1000}
		if _, _, err := s.Tags(t.Context(), options).Collect(); !errors.Is(err, dcb.ErrCorruption) || !strings.Contains(err.Error(), name) {
			t.Errorf("tags of a corrupt index: %v", err)
		}
		_, _, err := s.Tags(t.Context(), options).Collect()
		for errors.Is(err, dcb.ErrCorruption) { // until the block is rebuilt
			_, _, err = s.Tags(t.Context(), options).Collect()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
