package index_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/umadb-go/umadb/internal/index"
)

// colliding returns a tag with one of the given number of hashes.
func colliding(i int, hashes uint64) index.Term {
	return index.TermWithHash(uint64(i)%hashes*0x5555555555555555, index.KindTag, fmt.Sprint(i))
}

func collidingContents(first uint64, hashes uint64) *contents {
	c := &contents{first: first, events: make([][]index.Term, 500)}
	for i := range c.events {
		c.events[i] = []index.Term{colliding(i%97, hashes), colliding(i%89, hashes), colliding(1000+i, hashes)}
		for kind := range index.Kind(2) {
			c.events[i] = append(c.events[i], index.TermWithHash(0, kind+1, "one text of all kinds"))
		}
	}
	return c
}

func TestHashCollisionsDoNotChangeResults(t *testing.T) {
	for _, hashes := range []uint64{1, 2, 3} {
		var absent []index.Term
		for i := range 20 {
			absent = append(absent, colliding(100_000+i, hashes))
		}
		absent = append(absent, index.TermWithHash(0, index.KindSource, "one text of all kinds"), index.TermWithHash(0, index.KindTag, ""))
		c := collidingContents(1, hashes)
		c.check(t, c.headBlock(), absent...)
		c.check(t, c.flush(t, newBlockDir(t)), absent...)
	}
}

func TestHashCollisionsDoNotChangeCompaction(t *testing.T) {
	s := newBlockDir(t)
	all := &contents{first: 1}
	var blocks []*index.Block
	for i := range 3 {
		part := collidingContents(all.first+uint64(len(all.events)), 2)
		if i == 1 { // the order of terms in a block does not depend on the order of events
			slices.Reverse(part.events)
		}
		all.events = append(all.events, part.events...)
		blocks = append(blocks, part.flush(t, s))
	}
	compacted, err := s.Compact(blocks)
	must(t, err)
	all.check(t, compacted, colliding(100_000, 2), colliding(100_001, 2))
}

func TestTagWithHashOfSourceIsNotTheSource(t *testing.T) {
	source := hasher.Source("upstream")
	twin := index.TermWithHash(source.Hash(), index.KindTag, "upstream")
	c := &contents{first: 1, events: [][]index.Term{{twin}}, sources: map[string]uint64{"upstream": 300}}
	for _, r := range []reader{c.headBlock(), c.flush(t, newBlockDir(t))} {
		c.check(t, r, index.TermWithHash(source.Hash(), index.KindType, "upstream"))
	}
	c.sources = nil
	for _, r := range []reader{c.headBlock(), c.flush(t, newBlockDir(t))} {
		if _, known, err := r.Tracking(source); known || err != nil {
			t.Errorf("the tag is returned as the source: %v", err)
		}
	}
}

func TestSourcesWithTheSameHashAreDistinguished(t *testing.T) {
	s := newBlockDir(t)
	var blocks []*index.Block
	for group := range uint64(2) {
		var sources []index.Source
		for i := range uint64(10) {
			sources = append(sources, index.Source{Term: index.TermWithHash(7, index.KindSource, fmt.Sprint(i+group*5)), Position: 100*group + i})
		}
		block, err := s.FlushSources(index.Span{FirstGroup: group + 1, LastGroup: group + 1, First: 1}, sources)
		must(t, err)
		checkTracking(t, block, sources)
		blocks = append(blocks, block)
	}
	compacted, err := s.Compact(blocks)
	must(t, err)
	for i := range uint64(15) {
		want := i
		if i >= 5 {
			want = 100 + i - 5
		}
		checkTracking(t, compacted, []index.Source{{Term: index.TermWithHash(7, index.KindSource, fmt.Sprint(i)), Position: want}})
	}
	if _, known, err := compacted.Tracking(index.TermWithHash(7, index.KindSource, "15")); known || err != nil {
		t.Errorf("an unknown source is found: %v", err)
	}
}

func checkTracking(t *testing.T, r reader, sources []index.Source) {
	t.Helper()
	for _, source := range sources {
		if have, known, err := r.Tracking(source.Term); have != source.Position || !known || err != nil {
			t.Errorf("source %q is at %d, want %d: %v", source.Text, have, source.Position, err)
		}
	}
}
