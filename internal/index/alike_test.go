package index_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/umadb-go/umadb/internal/index"
)

// drawContents draws contents with few distinct texts, so that terms repeat.
func drawContents(t *rapid.T, first uint64) *contents {
	c := &contents{first: first, sources: map[string]uint64{}}
	words := rapid.SampledFrom([]string{"", "a", "b", "ab", "a longer text", "☃"})
	spread := rapid.SampledFrom([]int{1, 5, 1000}).Draw(t, "spread")
	term := rapid.Custom(func(t *rapid.T) index.Term {
		text := fmt.Sprint(words.Draw(t, "word"), rapid.IntRange(0, spread).Draw(t, "number"))
		return hasher.Term(rapid.SampledFrom([]index.Kind{index.KindType, index.KindTag}).Draw(t, "kind"), text)
	})
	c.events = rapid.SliceOfN(rapid.SliceOfN(term, 0, 5), 0, 400).Draw(t, "events")
	for range rapid.IntRange(0, 5).Draw(t, "sources") {
		c.sources[words.Draw(t, "source")] = rapid.Uint64().Draw(t, "tracked")
	}
	return c
}

func TestHeadBlockAndFileBlockReturnTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawContents(t, rapid.Uint64Range(1, 1<<40).Draw(t, "first"))
		head := c.headBlock()
		block, err := newBlockDir(t).Flush(head, c.span())
		must(t, err)
		for _, r := range []reader{head, block} {
			c.check(t, r, tag("absent"), eventType("absent"), tag("a"))
			checkAllSeeks(t, c, r, rapid.Uint64().Draw(t, "seed"))
		}
	})
}

// checkAllSeeks checks Seek for each term in both directions.
func checkAllSeeks(t checker, c *contents, r reader, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	for term, positions := range c.postings() {
		for _, direction := range []index.Direction{index.Forwards, index.Backwards} {
			p, _, err := r.Postings(term, direction)
			must(t, err)
			checkSeeks(t, p, direction, positions, rng)
		}
	}
}

func TestLocationsOfAnyRange(t *testing.T) {
	c := &contents{first: 1000, events: make([][]index.Term, 1000)} // three location pages
	for _, r := range []reader{c.headBlock(), c.flush(t, newBlockDir(t))} {
		for from := 0; from <= 1000; from += 111 {
			for n := 0; from+n <= 1000; n += 97 {
				locations, err := r.Locations([]index.Location{{Size: 1}}, 1000+uint64(from), n)
				must(t, err)
				if len(locations) != n+1 || locations[0].Size != 1 {
					t.Fatalf("got %d locations for %d positions from %d", len(locations)-1, n, from)
				}
				for i, have := range locations[1:] {
					if have != location(1000+uint64(from+i)) {
						t.Fatalf("location of position %d = %+v", from+i, have)
					}
				}
			}
		}
	}
}

func TestLocationKeepsLargestValues(t *testing.T) {
	for _, want := range []index.Location{{}, {Offset: 1<<40 - 1}, {Size: 1<<24 - 1}, {CRC: 1<<32 - 1}, {Offset: 1<<40 - 1, Size: 1<<24 - 1, CRC: 1<<32 - 1}} {
		m := index.NewHeadBlock(hasher, 1, 0)
		m.AddEvent(want, nil)
		m.AddTime(1, 0)
		block, err := newBlockDir(t).Flush(m, index.Span{FirstGroup: 1, LastGroup: 1})
		must(t, err)
		have, err := block.Locations(nil, 1, 1)
		must(t, err)
		if have[0] != want {
			t.Errorf("location = %+v, want %+v", have[0], want)
		}
	}
}

func TestEmptyBlock(t *testing.T) {
	c := &contents{first: 1}
	block := c.flush(t, newBlockDir(t))
	c.check(t, block, tag(""), tag("a"))
	if block.Terms() != 0 || block.Events != 0 {
		t.Errorf("the block has %d terms and %d events", block.Terms(), block.Events)
	}
}

// A group without events has the position of the next event.
func TestBlockWithTrackingOnly(t *testing.T) {
	c := &contents{first: 42, sources: map[string]uint64{"": 0, "upstream": 7, "large": 1<<64 - 1}}
	block := c.flush(t, newBlockDir(t))
	c.check(t, block, tag("upstream"), eventType("upstream"))
	if block.Events != 0 || block.First != 42 || block.Next() != 42 || block.Terms() != 3 {
		t.Errorf("span = %+v with %d terms", block.Span, block.Terms())
	}
}
