package index_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/index"
)

// The same text is something else as a type, as a tag and as a source.
func TestKindsOfTermDoNotMeet(t *testing.T) {
	c := &contents{
		first:   1,
		events:  [][]index.Term{{tag("x")}, {eventType("x")}, {tag("x"), eventType("x")}, {tag("only a tag")}, {eventType("only a type")}},
		sources: map[string]uint64{"x": 77, "only a source": 78},
	}
	absent := []index.Term{tag("only a type"), eventType("only a tag"), tag("only a source"), eventType("only a source")}
	for _, r := range []reader{c.memory(), c.flush(t, newShelf(t))} {
		c.holds(t, r, absent...)
		for _, text := range []string{"only a tag", "only a type"} {
			if _, known, err := r.Tracking(hasher.Source(text)); known || err != nil {
				t.Errorf("%s is known as a source: %v", text, err)
			}
		}
	}
}

// An entry may begin and end anywhere in a page, and may cover many.
func TestTermsOfAnyLength(t *testing.T) {
	lengths := []int{0, 1, 100_000}
	for n := 4080; n <= 4105; n++ {
		lengths = append(lengths, n)
	}
	all := &contents{first: 1, sources: map[string]uint64{}}
	for _, n := range lengths {
		text := strings.Repeat("x", n)
		one := &contents{first: 9, events: [][]index.Term{{tag(text), eventType(text)}, {tag(text)}}, sources: map[string]uint64{text: uint64(n)}}
		all.events = append(all.events, one.events...)
		all.sources[text] = uint64(n)
		for _, r := range []reader{one.memory(), one.flush(t, newShelf(t))} {
			one.holds(t, r, tag(text+"x"), eventType(text+"x"), tag("y"+text), tag(strings.Repeat("x", max(0, n-1))+"y"))
		}
	}
	for _, r := range []reader{all.memory(), all.flush(t, newShelf(t))} {
		all.holds(t, r, tag(strings.Repeat("x", 50_000)))
	}
}

func TestTermsAreReadInTheirOrder(t *testing.T) {
	c := spaced(3000, 1)
	for i := range c.events {
		c.events[i] = append(c.events[i], tag(fmt.Sprint(i)), eventType(strings.Repeat("long", i%50)))
	}
	c.sources = map[string]uint64{"a": 1, "b": 2}
	block := c.flush(t, newShelf(t))
	have, last := listing(t, block), uint64(0)
	if len(have) != len(c.postings())+2 || block.Terms() != uint64(len(have)) {
		t.Errorf("%d terms are listed, and %d said to be there", len(have), block.Terms())
	}
	terms := block.ReadTerms()
	for {
		more, err := terms.Next()
		must(t, err)
		if !more {
			break
		}
		if terms.Hash() < last {
			t.Fatalf("%q is out of order", terms.Text)
		}
		last = terms.Hash()
	}
	for term, positions := range c.postings() {
		if fmt.Sprint(have[term]) != fmt.Sprint(positions) {
			t.Errorf("%.20q is listed at %s, not at %s", term.Text, short(have[term]), short(positions))
		}
	}
}

// listing gives all terms of a block, as reading them one after the other tells
// it, with their positions; of a source the tracking position.
func listing(t checker, block *index.Block) map[index.Term][]uint64 {
	t.Helper()
	all := map[index.Term][]uint64{}
	terms := block.ReadTerms()
	for {
		more, err := terms.Next()
		must(t, err)
		if !more {
			return all
		}
		if terms.IsSource() {
			position, known, err := block.Tracking(terms.Term)
			must(t, err)
			if !known {
				t.Fatalf("source %q is listed and not known", terms.Text)
			}
			all[terms.Term] = []uint64{position}
			continue
		}
		positions, err := terms.Positions(nil, 0)
		must(t, err)
		if len(positions) != terms.Count {
			t.Fatalf("%q has %d positions, and %d are listed", terms.Text, terms.Count, len(positions))
		}
		for _, position := range positions {
			all[terms.Term] = append(all[terms.Term], block.First+uint64(position))
		}
	}
}

func TestStoresHashDifferently(t *testing.T) {
	other := index.NewHasher([16]byte{1})
	same := 0
	for i := range 1000 {
		ours, theirs := tag(fmt.Sprint(i)), other.Term(index.KindTag, fmt.Sprint(i))
		if ours.Hash() == theirs.Hash() {
			same++
		}
	}
	if same > 0 {
		t.Errorf("%d of 1000 tags have one hash in two stores", same)
	}
}
