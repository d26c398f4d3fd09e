package index_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/umadb-go/umadb/internal/index"
)

// spaced returns contents in which count events have a tag: one in each gap events.
func spaced(count, gap int) *contents {
	c := &contents{first: 1001, events: make([][]index.Term, count*gap)}
	for i := range count {
		c.events[i*gap] = []index.Term{tag("spaced")}
	}
	return c
}

func TestSeekInListsOfAnyLength(t *testing.T) {
	for _, count := range []int{1, 2, 127, 128, 129, 255, 256, 257, 384, 385, 10_000} {
		for _, gap := range []int{1, 7} {
			t.Run(fmt.Sprintf("count=%d/gap=%d", count, gap), func(t *testing.T) {
				c := spaced(count, gap)
				head := c.headBlock()
				block := c.flush(t, newBlockDir(t))
				for _, r := range []reader{head, block} {
					c.check(t, r)
					for seed := range uint64(20) {
						checkAllSeeks(t, c, r, seed)
					}
				}
			})
		}
	}
}

func TestRankIsTheNumberOfKeysBelow(t *testing.T) {
	for _, count := range []int{1, 127, 128, 129, 256, 257, 1000} {
		for _, gap := range []int{1, 7} {
			c := spaced(count, gap)
			first, last := c.first-2, c.first+uint64(count*gap)+2
			for _, r := range []reader{c.headBlock(), c.flush(t, newBlockDir(t))} {
				for _, direction := range []index.Direction{index.Forwards, index.Backwards} {
					for _, step := range []uint64{1, 5, 200, 3000} {
						p, _, err := r.Postings(tag("spaced"), direction)
						must(t, err)
						from, to := min(direction.Key(first), direction.Key(last)), max(direction.Key(first), direction.Key(last))
						for at := uint64(0); at <= to-from; at += step {
							key, want := from+at, 0
							for i := range count {
								if direction.Key(c.first+uint64(i*gap)) < key {
									want++
								}
							}
							if rank, err := p.Rank(key); err != nil || rank != want {
								t.Fatalf("%d events, one in %d: the rank of %d is %d (%v), want %d", count, gap, direction.Key(key), rank, err, want)
							}
						}
					}
				}
			}
		}
	}
}

func TestSeekOutsideList(t *testing.T) {
	c := spaced(300, 2)
	last := c.first + 2*299
	for _, r := range []reader{c.headBlock(), c.flush(t, newBlockDir(t))} {
		for _, s := range []struct {
			direction index.Direction
			from      uint64
			found     uint64 // 0 for nothing
		}{
			{index.Forwards, 0, c.first}, {index.Forwards, last, last}, {index.Forwards, last + 1, 0}, {index.Forwards, 1<<64 - 1, 0},
			{index.Backwards, 1<<64 - 1, last}, {index.Backwards, c.first, c.first}, {index.Backwards, c.first - 1, 0}, {index.Backwards, 0, 0},
		} {
			p, _, err := r.Postings(tag("spaced"), s.direction)
			must(t, err)
			for range 2 { // repeating a Seek returns the same
				key, ok, err := p.Seek(s.direction.Key(s.from))
				if err != nil || ok != (s.found != 0) || ok && s.direction.Key(key) != s.found {
					t.Errorf("Seek(%d) = %d, %v, %v", s.from, s.direction.Key(key), ok, err)
				}
			}
		}
	}
}

func TestSeekFarAheadReadsFewPages(t *testing.T) {
	c := spaced(100_000, 1)
	s := newBlockDir(t)
	name := c.flush(t, s).Name
	for _, direction := range []index.Direction{index.Forwards, index.Backwards} {
		cache := index.NewCache(1 << 20)
		block, err := index.OpenBlock(s.Dir, name[len(dir)+1:], storeID, cache)
		must(t, err)
		p, _, err := block.Postings(tag("spaced"), direction)
		must(t, err)
		if _, ok, err := p.Seek(direction.Key(c.first + 77_777)); !ok || err != nil {
			t.Errorf("no key is found: %v", err)
		}
		if n, _ := cache.Usage(); n > 6 {
			t.Errorf("%d pages were read", n)
		}
	}
}

func TestListRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.SampledFrom([]int{0, 1, 127, 128, 129, 256, 300}).Draw(t, "count")
		positions := rapid.SliceOfNDistinct(rapid.Uint32(), count, count, rapid.ID[uint32]).Draw(t, "positions")
		slices.Sort(positions)
		base := rapid.Uint32Range(0, 1000).Draw(t, "base")
		if count > 0 {
			base = min(base, ^positions[count-1])
		}
		have, ok := index.DecodeList([]uint32{7}, index.AppendList(nil, positions), count, base)
		if !ok || len(have) != count+1 || have[0] != 7 {
			t.Fatalf("decoded %d of %d positions, %v", len(have)-1, count, ok)
		}
		for i, position := range positions {
			if have[i+1] != position+base {
				t.Fatalf("position %d is %d, want %d", i, have[i+1], position+base)
			}
		}
	})
}

func TestTruncatedListIsMalformed(t *testing.T) {
	for _, count := range []int{1, 128, 129, 300} {
		positions := make([]uint32, count)
		for i := range positions {
			positions[i] = uint32(1000 * i)
		}
		encoded := index.AppendList(nil, positions)
		for size := range encoded {
			if _, ok := index.DecodeList(nil, encoded[:size], count, 0); ok {
				t.Errorf("%d positions in %d of %d bytes are accepted", count, size, len(encoded))
			}
		}
	}
}

// Keys ascend in both directions.
func TestDirectionKey(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		a, b := rng.Uint64(), rng.Uint64()
		for _, d := range []index.Direction{index.Forwards, index.Backwards} {
			if d.Key(d.Key(a)) != a {
				t.Errorf("Key(Key(%d)) = %d", a, d.Key(d.Key(a)))
			}
			if (a < b) != ((d.Key(a) < d.Key(b)) == (d == index.Forwards)) {
				t.Errorf("%d and %d are in the wrong order", a, b)
			}
		}
	}
}
