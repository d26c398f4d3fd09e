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

// totalled gives all totals, and fails unless they are in order, each once.
func totalled(t checker, blocks []*index.Block, memories ...[]index.TermTotal) map[index.Term]index.TermTotal {
	t.Helper()
	all, last := map[index.Term]index.TermTotal{}, uint64(0)
	for total, err := range index.TermTotals(blocks, memories) {
		must(t, err)
		if _, again := all[total.Term]; again || total.Hash() < last {
			t.Fatalf("%q comes again, or out of order", total.Text)
		}
		all[total.Term], last = total, total.Hash()
	}
	return all
}

// totals counts what the contents have, up to a position.
func (c *contents) totals(last uint64) map[index.Term]index.TermTotal {
	all := map[index.Term]index.TermTotal{}
	for term, positions := range c.postings() {
		n := uint64(0)
		for _, position := range positions {
			if position <= last {
				n++
			}
		}
		if n > 0 {
			all[term] = index.TermTotal{Term: term, Count: n}
		}
	}
	for source, position := range c.sources {
		term := hasher.Source(source)
		all[term] = index.TermTotal{Term: term, Position: position}
	}
	return all
}

func TestTermTotalsOfPartsAreThoseOfTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts, whole := drawParts(t)
		s := newShelf(t)
		inFiles := rapid.IntRange(0, len(parts)).Draw(t, "in files")
		blocks := flushParts(t, s, parts[:inFiles])
		if joined := rapid.IntRange(0, inFiles).Draw(t, "joined"); joined > 1 {
			block, err := s.Compact(blocks[:joined])
			must(t, err)
			blocks = append([]*index.Block{block}, blocks[joined:]...)
		}
		last := uint64(1 << 40)
		if inFiles < len(parts) { // only the end of what is in memory may not be published
			end := parts[len(parts)-1]
			last = end.first + rapid.Uint64Range(0, uint64(len(end.events))).Draw(t, "published") - 1
		}
		var memories [][]index.TermTotal
		for _, part := range parts[inFiles:] {
			memories = append(memories, part.memory().TermTotals(last))
		}
		if have, want := totalled(t, blocks, memories...), whole.totals(last); !maps.Equal(have, want) {
			t.Fatalf("counted %v, want %v", have, want)
		}
	})
}

// Terms with long lists are passed without reading the lists.
func TestTermTotalsPassLongLists(t *testing.T) {
	c := spaced(20_000, 1)
	for i := range c.events {
		c.events[i] = append(c.events[i], tag("all"), tag(fmt.Sprint(i)))
	}
	c.sources = map[string]uint64{"s": 1 << 63}
	block := c.flush(t, newShelf(t))
	if !maps.Equal(totalled(t, []*index.Block{block}), c.totals(1<<40)) {
		t.Error("the totals are not what the block was made of")
	}
}

func TestTermTotalsOfADamagedBlockAreAnError(t *testing.T) {
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
	for _, err := range index.TermTotals([]*index.Block{damaged}, nil) {
		failed = err
	}
	var damage *vfs.CorruptionError
	if !errors.As(failed, &damage) || damage.File != block.Name {
		t.Errorf("the damage comes as %v", failed)
	}
}
