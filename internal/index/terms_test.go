package index_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/umadb-go/umadb/internal/index"
)

// A type, a tag and a source with the same text are different terms.
func TestKindsOfTermAreIndependent(t *testing.T) {
	c := &contents{
		first:   1,
		events:  [][]index.Term{{tag("x")}, {eventType("x")}, {tag("x"), eventType("x")}, {tag("only a tag")}, {eventType("only a type")}},
		sources: map[string]uint64{"x": 77, "only a source": 78},
	}
	absent := []index.Term{tag("only a type"), eventType("only a tag"), tag("only a source"), eventType("only a source")}
	for _, r := range []reader{c.headBlock(), c.flush(t, newBlockDir(t))} {
		c.check(t, r, absent...)
		for _, text := range []string{"only a tag", "only a type"} {
			if _, known, err := r.Tracking(hasher.Source(text)); known || err != nil {
				t.Errorf("%s is found as a source: %v", text, err)
			}
		}
	}
}

// An entry can start and end anywhere in a page, and can extend over many pages.
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
		for _, r := range []reader{one.headBlock(), one.flush(t, newBlockDir(t))} {
			one.check(t, r, tag(text+"x"), eventType(text+"x"), tag("y"+text), tag(strings.Repeat("x", max(0, n-1))+"y"))
		}
	}
	for _, r := range []reader{all.headBlock(), all.flush(t, newBlockDir(t))} {
		all.check(t, r, tag(strings.Repeat("x", 50_000)))
	}
}

func TestReadTermsInOrder(t *testing.T) {
	c := spaced(3000, 1)
	for i := range c.events {
		c.events[i] = append(c.events[i], tag(fmt.Sprint(i)), eventType(strings.Repeat("long", i%50)))
	}
	c.sources = map[string]uint64{"a": 1, "b": 2}
	block := c.flush(t, newBlockDir(t))
	have, last := allTerms(t, block), uint64(0)
	if len(have) != len(c.postings())+2 || block.Terms() != uint64(len(have)) {
		t.Errorf("read %d terms, and Terms() = %d", len(have), block.Terms())
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
			t.Errorf("%.20q is at %s, want %s", term.Text, short(have[term]), short(positions))
		}
	}
}

// allTerms reads all terms of a block, with their positions, or the tracking position of
// a source.
func allTerms(t checker, block *index.Block) map[index.Term][]uint64 {
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
				t.Fatalf("source %q is in Terms but not found by Tracking", terms.Text)
			}
			all[terms.Term] = []uint64{position}
			continue
		}
		positions, err := terms.Positions(nil, 0)
		must(t, err)
		if len(positions) != terms.Count {
			t.Fatalf("%q has Count %d and %d positions", terms.Text, terms.Count, len(positions))
		}
		for _, position := range positions {
			all[terms.Term] = append(all[terms.Term], block.First+uint64(position))
		}
	}
}

func TestHasherDependsOnStore(t *testing.T) {
	other := index.NewHasher([16]byte{1})
	same := 0
	for i := range 1000 {
		ours, theirs := tag(fmt.Sprint(i)), other.Term(index.KindTag, fmt.Sprint(i))
		if ours.Hash() == theirs.Hash() {
			same++
		}
	}
	if same > 0 {
		t.Errorf("%d of 1000 tags have the same hash in two stores", same)
	}
}
