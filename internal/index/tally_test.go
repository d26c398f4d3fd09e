package index_test

import (
	"errors"
	"fmt"
	"maps"
	"testing"

	"pgregory.net/rapid"

	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

// tallied gives all tallies, and fails unless they are in order, each once.
func tallied(t checker, blocks []*index.Block, memories ...[]index.Tally) map[index.Term]index.Tally {
	t.Helper()
	all, last := map[index.Term]index.Tally{}, uint64(0)
	for tally, err := range index.Tallies(blocks, memories) {
		must(t, err)
		if _, again := all[tally.Term]; again || tally.Hash() < last {
			t.Fatalf("%q comes again, or out of order", tally.Text)
		}
		all[tally.Term], last = tally, tally.Hash()
	}
	return all
}

// tallies counts what the contents have, up to a position.
func (c *contents) tallies(last uint64) map[index.Term]index.Tally {
	all := map[index.Term]index.Tally{}
	for term, positions := range c.postings() {
		n := uint64(0)
		for _, position := range positions {
			if position <= last {
				n++
			}
		}
		if n > 0 {
			all[term] = index.Tally{Term: term, Count: n}
		}
	}
	for source, position := range c.sources {
		term := hasher.Source(source)
		all[term] = index.Tally{Term: term, Position: position}
	}
	return all
}

func TestTalliesOfPartsAreThoseOfTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts, whole := drawParts(t)
		s := newShelf(t)
		inFiles := rapid.IntRange(0, len(parts)).Draw(t, "in files")
		blocks := flushParts(t, s, parts[:inFiles])
		if joined := rapid.IntRange(0, inFiles).Draw(t, "joined"); joined > 1 {
			block, err := s.Join(blocks[:joined])
			must(t, err)
			blocks = append([]*index.Block{block}, blocks[joined:]...)
		}
		last := uint64(1 << 40)
		if inFiles < len(parts) { // only the end of what is in memory may not be published
			end := parts[len(parts)-1]
			last = end.first + rapid.Uint64Range(0, uint64(len(end.events))).Draw(t, "published") - 1
		}
		var memories [][]index.Tally
		for _, part := range parts[inFiles:] {
			memories = append(memories, part.memory().Tally(last))
		}
		if have, want := tallied(t, blocks, memories...), whole.tallies(last); !maps.Equal(have, want) {
			t.Fatalf("counted %v, want %v", have, want)
		}
	})
}

// Terms with long lists are passed without reading the lists.
func TestTalliesPassLongLists(t *testing.T) {
	c := spaced(20_000, 1)
	for i := range c.events {
		c.events[i] = append(c.events[i], tag("all"), tag(fmt.Sprint(i)))
	}
	c.sources = map[string]uint64{"s": 1 << 63}
	block := c.flush(t, newShelf(t))
	if !maps.Equal(tallied(t, []*index.Block{block}), c.tallies(1<<40)) {
		t.Error("the tallies are not what the block was made of")
	}
}

func TestTalliesOfADamagedBlockAreAnError(t *testing.T) {
	s := newShelf(t)
	c := spaced(3000, 1)
	for i := range c.events {
		c.events[i] = append(c.events[i], tag(fmt.Sprint(i)))
	}
	block := c.flush(t, s)
	content := s.bytes(t, block.Name)
	content[len(content)-index.PageBytes-100] ^= 1
	s.put(t, block.Name, content)
	damaged, err := s.open(block.Name)
	must(t, err)
	var failed error
	for _, err := range index.Tallies([]*index.Block{damaged}, nil) {
		failed = err
	}
	var damage *vfs.DamageError
	if !errors.As(failed, &damage) || damage.File != block.Name {
		t.Errorf("the damage comes as %v", failed)
	}
}
