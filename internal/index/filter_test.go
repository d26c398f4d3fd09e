package index_test

import (
	"fmt"
	"testing"

	"github.com/umadb-go/umadb/internal/index"
)

// unique returns contents in which each event has a different tag.
func unique(first uint64, events int) *contents {
	c := &contents{first: first, events: make([][]index.Term, events)}
	for i := range c.events {
		c.events[i] = []index.Term{tag(fmt.Sprintf("unique %d", int(first)+i))}
	}
	return c
}

// checkFilter fails if the filter of a block excludes an existing tag, or has many false
// positives.
func checkFilter(t *testing.T, block *index.Block) {
	t.Helper()
	for position := block.First; position < block.Next(); position++ {
		if may, err := block.MayHave(tag(fmt.Sprintf("unique %d", position))); !may || err != nil {
			t.Fatalf("the filter excludes the tag of event %d: %v", position, err)
		}
	}
	passed := 0
	for i := range 100_000 {
		if may, err := block.MayHave(tag(fmt.Sprintf("absent %d", i))); err != nil {
			t.Fatal(err)
		} else if may {
			passed++
		}
	}
	if passed >= 2000 {
		t.Errorf("with %d terms, %d of 100,000 absent terms pass the filter", block.Terms(), passed)
	}
}

func TestFilterExcludesAbsentTerms(t *testing.T) {
	for _, events := range []int{1, 100, index.DirectoryTerms, index.DirectoryTerms + 1, 30_000} {
		t.Run(fmt.Sprint(events), func(t *testing.T) { checkFilter(t, unique(1, events).flush(t, newBlockDir(t))) })
	}
}

func TestFilterOfCompactedBlock(t *testing.T) {
	s := newBlockDir(t)
	compacted, err := s.Compact(flushParts(t, s, []*contents{unique(1, 9000), unique(9001, 2000), unique(11_001, 9000)}))
	must(t, err)
	checkFilter(t, compacted)
}

func TestLookupOfAbsentTermReadsOnePage(t *testing.T) {
	s := newBlockDir(t)
	name := unique(1, 2000).flush(t, s).FileName()
	cache := index.NewCache(1 << 20)
	block, err := index.OpenBlock(s.Dir, name, storeID, cache)
	must(t, err)
	for i := range 100 {
		term := tag(fmt.Sprintf("absent %d", i))
		if may, err := block.MayHave(term); may || err != nil {
			continue
		}
		checkPostings(t, block, term, nil)
	}
	if n, _ := cache.Usage(); n != 1 {
		t.Errorf("%d pages were read", n)
	}
}

func TestLookupOfUniqueTagReadsFewPages(t *testing.T) {
	s := newBlockDir(t)
	name := unique(1, 20_000).flush(t, s).FileName()
	most := 0
	for i := 1; i < 20_000; i += 199 {
		cache := index.NewCache(1 << 20)
		block, err := index.OpenBlock(s.Dir, name, storeID, cache)
		must(t, err)
		checkPostings(t, block, tag(fmt.Sprintf("unique %d", i)), []uint64{uint64(i)})
		n, _ := cache.Usage()
		most = max(most, n)
		must(t, block.Close())
	}
	if most > 3 {
		t.Errorf("a lookup reads %d pages", most)
	}
}
