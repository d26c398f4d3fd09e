package index_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/umadb-go/umadb/internal/index"
)

// universe is the last position that the sets of these tests distinguish.
const universe = 400

// set is an expression, as a predicate and as postings.
type set struct {
	has      func(position uint64) bool
	postings func(index.Direction) index.Postings
}

// drawSet draws an expression of at most the given depth over the terms of contents.
func drawSet(t *rapid.T, c *contents, r reader, depth int) set {
	kind := rapid.IntRange(0, 6).Draw(t, "expression")
	switch {
	case kind == 0:
		return set{func(uint64) bool { return true }, func(index.Direction) index.Postings { return index.All{} }}
	case kind == 1:
		return set{func(uint64) bool { return false }, func(index.Direction) index.Postings { return index.Empty{} }}
	case kind < 4 || depth == 0:
		return termSet(t, c, r, tag(rapid.StringMatching("[a-f]").Draw(t, "tag")))
	}
	var parts []set
	for range rapid.IntRange(1, 5).Draw(t, "parts") {
		parts = append(parts, drawSet(t, c, r, depth-1))
	}
	if kind == 4 {
		return combine(index.Intersect, parts, func(n int) bool { return n == len(parts) })
	}
	return combine(index.Union, parts, func(n int) bool { return n > 0 })
}

func termSet(t checker, c *contents, r reader, term index.Term) set {
	positions := c.postings()[term]
	return set{
		func(position uint64) bool { return slices.Contains(positions, position) },
		func(direction index.Direction) index.Postings {
			p, _, err := r.Postings(term, direction)
			must(t, err)
			return p
		},
	}
}

// combine returns the set of the positions that are in enough of the parts.
func combine(operation func(...index.Postings) index.Postings, parts []set, enough func(int) bool) set {
	return set{
		func(position uint64) bool {
			n := 0
			for _, part := range parts {
				if part.has(position) {
					n++
				}
			}
			return enough(n)
		},
		func(direction index.Direction) index.Postings {
			var postings []index.Postings
			for _, part := range parts {
				postings = append(postings, part.postings(direction))
			}
			return operation(postings...)
		},
	}
}

func TestPostingsMatchSetOperations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &contents{first: 1, events: make([][]index.Term, universe)}
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		for i := range c.events {
			for text := range 6 {
				if rng.IntN(1<<text) == 0 { // "a" on all, "f" on few
					c.events[i] = append(c.events[i], tag(string(rune('a'+text))))
				}
			}
		}
		readers := []reader{c.headBlock(), c.flush(t, newBlockDir(t))}
		s := drawSet(t, c, rapid.SampledFrom(readers).Draw(t, "reader"), 3)
		var want []uint64
		for position := uint64(1); position <= universe; position++ {
			if s.has(position) {
				want = append(want, position)
			}
		}
		for _, direction := range []index.Direction{index.Forwards, index.Backwards} {
			checkSet(t, s, direction, want, rng)
		}
	})
}

// checkSet seeks randomly ascending keys within the universe.
func checkSet(t checker, s set, direction index.Direction, want []uint64, rng *rand.Rand) {
	t.Helper()
	var keys []uint64
	for _, position := range want {
		keys = append(keys, direction.Key(position))
	}
	slices.Sort(keys)
	begin, end := min(direction.Key(1), direction.Key(universe)), max(direction.Key(1), direction.Key(universe))
	p := s.postings(direction)
	for key := begin; key <= end && key >= begin; key += uint64(rng.IntN(8)) {
		i, _ := slices.BinarySearch(keys, key)
		found, ok, err := p.Seek(key)
		must(t, err)
		within := ok && found <= end
		if within != (i < len(keys)) || within && found != keys[i] {
			t.Fatalf("Seek(%d) = %d, %v", direction.Key(key), direction.Key(found), ok)
		}
	}
}

func TestIntersectAndUnionOfOneReturnIt(t *testing.T) {
	c := spaced(10, 3)
	p, _, err := c.headBlock().Postings(tag("spaced"), index.Forwards)
	must(t, err)
	if index.Intersect(p) != p || index.Union(p) != p || index.Union(index.Empty{}, p, index.Empty{}) != p {
		t.Error("they return other postings")
	}
}

func TestIntersectOfNoneIsAllAndUnionOfNoneIsEmpty(t *testing.T) {
	if key, ok, err := index.Intersect().Seek(42); key != 42 || !ok || err != nil {
		t.Errorf("Intersect: %d, %v, %v", key, ok, err)
	}
	if _, ok, err := index.Union().Seek(42); ok || err != nil {
		t.Errorf("Union: %v, %v", ok, err)
	}
}

// failing is postings that return an error from some key on.
type failing struct{ from uint64 }

var errUnreadable = errors.New("a page cannot be read")

func (f failing) Seek(key uint64) (uint64, bool, error) {
	if key >= f.from {
		return 0, false, errUnreadable
	}
	return key, true, nil
}

func TestSetOperationsReturnErrors(t *testing.T) {
	for name, p := range map[string]index.Postings{
		"intersect":       index.Intersect(index.All{}, failing{0}),
		"intersect later": index.Intersect(failing{5}, index.All{}),
		"union":           index.Union(index.All{}, failing{0}),
		"union later":     index.Union(failing{5}, failing{6}),
		"nested":          index.Union(index.Empty{}, index.Intersect(index.All{}, index.Union(failing{5}, index.All{}))),
	} {
		var err error
		for key := uint64(0); key < 10 && err == nil; key++ {
			_, _, err = p.Seek(key)
		}
		if !errors.Is(err, errUnreadable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
