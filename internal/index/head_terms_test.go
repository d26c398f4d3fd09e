package index_test

import (
	"fmt"
	"maps"
	"runtime"
	"testing"

	"pgregory.net/rapid"

	"github.com/umadb-go/umadb/internal/index"
)

// The order that a head block keeps is right while events are added, published and removed.
func TestTermsOfGrowingHeadBlock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := index.NewHeadBlock(hasher, 7, 0)
		var events [][]index.Term
		published, end := 0, h.Mark()
		last := func() uint64 { return 6 + uint64(published) }
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				for range rapid.IntRange(1, 20).Draw(t, "events") {
					event := []index.Term{tag("all"), tag(fmt.Sprint(rapid.IntRange(0, 60).Draw(t, "tag")))}
					h.AddEvent(index.Location{}, event)
					events = append(events, event)
				}
			},
			"publish": func(*rapid.T) { published, end = len(events), h.Mark() },
			"withdraw": func(*rapid.T) {
				h.Truncate(end)
				events = events[:published]
			},
			"read": func(t *rapid.T) {
				want := map[index.Term]index.TermTotal{}
				for _, event := range events[:published] {
					for _, term := range event {
						want[term] = index.TermTotal{Term: term, Count: want[term].Count + 1}
					}
				}
				if have := collectTotals(t, nil, h.ReadTerms(last(), index.TermSelection{})); !maps.Equal(have, want) {
					t.Fatalf("up to %d, the totals are %v, want %v", last(), have, want)
				}
			},
		})
	})
}

// A pass in many slices does not sort the terms of a head block again for each of them.
func TestSlicesShareTheOrderOfHeadBlock(t *testing.T) {
	const terms, slices = 20_000, 500
	h := index.NewHeadBlock(hasher, 1, terms)
	for i := range terms {
		h.AddEvent(index.Location{}, []index.Term{tag(fmt.Sprint(i))})
	}
	allocated := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.TotalAlloc
	}
	before, read := allocated(), 0
	var from *index.Term
	for range slices {
		scan, err := index.ScanTerms(nil, []*index.HeadTerms{h.ReadTerms(terms, index.TermSelection{Kind: index.KindTag, From: from})}, from)
		must(t, err)
		for range terms / slices {
			total, more, err := scan.Next()
			if must(t, err); !more || from != nil && total.Hash() < from.Hash() {
				t.Fatalf("after %d terms, the next one is %+v (%v)", read, total, more)
			}
			from, read = &total.Term, read+1
		}
		next, more, err := scan.Next()
		must(t, err)
		if from = &next.Term; more != (read < terms) {
			t.Fatalf("after %d of %d terms there are more: %v", read, terms, more)
		}
	}
	// Copying the terms for each slice would take at least 32 bytes for each.
	if bytes := allocated() - before; bytes > slices*terms*32/10 {
		t.Errorf("%d slices over %d terms have allocated %d KiB", slices, terms, bytes>>10)
	}
}
