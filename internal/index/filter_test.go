package index_test

import (
	"fmt"
	"testing"

	"github.com/umadb-go/umadb/internal/index"
)

// unique gives contents in which each event has a tag of its own.
func unique(first uint64, events int) *contents {
	c := &contents{first: first, events: make([][]index.Term, events)}
	for i := range c.events {
		c.events[i] = []index.Term{tag(fmt.Sprintf("unique %d", int(first)+i))}
	}
	return c
}

// filters fails if the filter of a block misses a tag, or lets many others through.
func filters(t *testing.T, block *index.Block) {
	t.Helper()
	for position := block.First; position < block.Next(); position++ {
		if may, err := block.MayHave(tag(fmt.Sprintf("unique %d", position))); !may || err != nil {
			t.Fatalf("the tag of event %d is missed: %v", position, err)
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
		t.Errorf("with %d terms, %d of 100,000 absent ones pass", block.Terms(), passed)
	}
}

func TestTheFilterTellsWhatIsAbsent(t *testing.T) {
	for _, events := range []int{1, 100, index.DirectoryTerms, index.DirectoryTerms + 1, 30_000} {
		t.Run(fmt.Sprint(events), func(t *testing.T) { filters(t, unique(1, events).flush(t, newShelf(t))) })
	}
}

func TestTheFilterOfAJoinedBlock(t *testing.T) {
	s := newShelf(t)
	joined, err := s.Compact(flushParts(t, s, []*contents{unique(1, 9000), unique(9001, 2000), unique(11_001, 9000)}))
	must(t, err)
	filters(t, joined)
}

// What is nowhere costs one page, whatever the block holds.
func TestLookingForWhatIsAbsentReadsOnePage(t *testing.T) {
	s := newShelf(t)
	name := unique(1, 2000).flush(t, s).FileName()
	cache := index.NewCache(1 << 20)
	block, err := index.OpenBlock(s.Dir, name, storeID, cache)
	must(t, err)
	for i := range 100 {
		term := tag(fmt.Sprintf("absent %d", i))
		if may, err := block.MayHave(term); may || err != nil {
			continue
		}
		finds(t, block, term, nil)
	}
	if n, _ := cache.Holds(); n != 1 {
		t.Errorf("%d pages were read", n)
	}
}

func TestLookingForATagOfOneEventReadsFewPages(t *testing.T) {
	s := newShelf(t)
	name := unique(1, 20_000).flush(t, s).FileName()
	most := 0
	for i := 1; i < 20_000; i += 199 {
		cache := index.NewCache(1 << 20)
		block, err := index.OpenBlock(s.Dir, name, storeID, cache)
		must(t, err)
		finds(t, block, tag(fmt.Sprintf("unique %d", i)), []uint64{uint64(i)})
		n, _ := cache.Holds()
		most = max(most, n)
		must(t, block.Close())
	}
	if most > 3 {
		t.Errorf("a lookup has read %d pages", most)
	}
}
