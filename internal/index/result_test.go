package index_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

// fullCache returns a cache of 128 KiB that is full.
func fullCache() *index.Cache {
	cache := index.NewCache(128 << 10)
	owner := index.NewOwner()
	for i := range uint64(2000) {
		cache.Put(index.CacheKey{Owner: owner, Number: i}, make([]byte, 100))
	}
	return cache
}

// openCounted opens a block with a cache, and returns it with the number of reads of its file.
func openCounted(t *testing.T, s *blockDir, name string, cache *index.Cache) (*index.Block, *int) {
	t.Helper()
	reads := new(int)
	d := vfs.ObserveDir(s.Dir, func(op vfs.Op) error {
		if op.Kind == "read" {
			*reads++
		}
		return nil
	})
	block, err := index.OpenBlock(d, filepath.Base(name), storeID, cache)
	must(t, err)
	return block, reads
}

// Terms that are looked up again and again are found without reading a page, although the cache
// is far too small for their pages.
func TestRepeatedLookupsReadNoPages(t *testing.T) {
	c := &contents{first: 1, sources: map[string]uint64{"upstream": 7}}
	for i := range 40_000 {
		c.events = append(c.events, []index.Term{tag(fmt.Sprint(i)), tag(fmt.Sprint("every 200th ", i%200 == 0))})
	}
	s := newBlockDir(t)
	block, reads := openCounted(t, s, c.flush(t, s).Name, fullCache())
	postings := c.postings()
	lookUp := func() {
		for i := range 60 {
			for _, term := range []index.Term{tag(fmt.Sprint(i * 600)), tag(fmt.Sprint("absent", i))} {
				found, err := readPositions(block, term, index.Forwards)
				must(t, err)
				if fmt.Sprint(found) != fmt.Sprint(postings[term]) {
					t.Fatalf("%q is at %d, want %d", term.Text, found, postings[term])
				}
			}
		}
		position, known, err := block.Tracking(hasher.Source("upstream"))
		if position != 7 || !known || err != nil {
			t.Fatalf("the source is at %d, %v, %v", position, known, err)
		}
		if _, n, err := block.Postings(tag("every 200th true"), index.Forwards); n != 200 || err != nil {
			t.Fatalf("a list has %d positions, %v", n, err)
		}
	}
	for range 100 {
		*reads = 0
		if lookUp(); *reads == 0 {
			return
		}
	}
	t.Errorf("repeated lookups read %d times", *reads)
}

func TestCachedResultIsOfTheTermAndNotOfTheHash(t *testing.T) {
	same := func(kind index.Kind, text string) index.Term { return index.TermWithHash(5, kind, text) }
	present := []index.Term{same(index.KindTag, "a"), same(index.KindTag, "bb"), same(index.KindType, "a")}
	absent := []index.Term{same(index.KindTag, "b"), same(index.KindTag, ""), same(index.KindType, "bb")}
	c := &contents{first: 1}
	for _, term := range present {
		c.events = append(c.events, []index.Term{term})
	}
	s := newBlockDir(t)
	block, _ := openCounted(t, s, c.flush(t, s).Name, fullCache())
	for range 3 {
		for i, term := range present {
			if found, err := readPositions(block, term, index.Forwards); err != nil || len(found) != 1 || found[0] != 1+uint64(i) {
				t.Errorf("%q of kind %d is at %d, %v", term.Text, term.Kind, found, err)
			}
			if found, err := readPositions(block, absent[i], index.Forwards); err != nil || len(found) > 0 {
				t.Errorf("%q of kind %d is at %d, %v", absent[i].Text, absent[i].Kind, found, err)
			}
		}
	}
}

func TestFullCacheAdmitsFewPages(t *testing.T) {
	admitted := func(cache *index.Cache, size int) (n int) {
		owner := index.NewOwner()
		for i := range uint64(10_000) {
			if cache.Admit(index.CacheKey{Owner: owner, Number: i}, size) {
				n++
			}
		}
		return n
	}
	if n := admitted(index.NewCache(128<<10), 4096); n != 10_000 {
		t.Errorf("an empty cache admits %d of 10,000 pages", n)
	}
	if n := admitted(fullCache(), 200); n != 10_000 {
		t.Errorf("a full cache admits %d of 10,000 small entries", n)
	}
	if n := admitted(fullCache(), 4096); n < 300 || n > 1200 {
		t.Errorf("a full cache admits %d of 10,000 pages, want about 625", n)
	}
}

func TestScanDoesNotFillCache(t *testing.T) {
	c := spaced(20_000, 1)
	s := newBlockDir(t)
	cache := index.NewCache(1 << 20)
	block, err := index.OpenBlock(s.Dir, filepath.Base(c.flush(t, s).Name), storeID, cache)
	must(t, err)
	for at := c.first; at < c.first+20_000; at += 200 {
		locations, err := block.Locations(nil, at, 200)
		if err != nil || len(locations) != 200 {
			t.Fatalf("%d locations, %v", len(locations), err)
		}
	}
	if n, _ := cache.Usage(); n > 0 {
		t.Errorf("a scan put %d entries into the cache", n)
	}
	_, err = block.Locations(nil, c.first, 1)
	must(t, err)
	if n, _ := cache.Usage(); n != 1 {
		t.Errorf("a single location put %d entries into the cache, want its page", n)
	}
}
