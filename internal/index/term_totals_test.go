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

// collectTotals returns all totals. It fails unless each term comes once and in order.
func collectTotals(t checker, blocks []*index.Block, heads ...[]index.TermTotal) map[index.Term]index.TermTotal {
	t.Helper()
	all, last := map[index.Term]index.TermTotal{}, uint64(0)
	for total, err := range index.TermTotals(blocks, heads) {
		must(t, err)
		if _, again := all[total.Term]; again || total.Hash() < last {
			t.Fatalf("%q is repeated or out of order", total.Text)
		}
		all[total.Term], last = total, total.Hash()
	}
	return all
}

// totals returns the expected totals up to a position.
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

func TestTermTotalsOverSeveralBlocks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts, whole := drawParts(t)
		s := newBlockDir(t)
		inFiles := rapid.IntRange(0, len(parts)).Draw(t, "in files")
		blocks := flushParts(t, s, parts[:inFiles])
		if compacted := rapid.IntRange(0, inFiles).Draw(t, "compacted"); compacted > 1 {
			block, err := s.Compact(blocks[:compacted])
			must(t, err)
			blocks = append([]*index.Block{block}, blocks[compacted:]...)
		}
		last := uint64(1 << 40)
		if inFiles < len(parts) { // only the last head block may have unpublished positions
			end := parts[len(parts)-1]
			last = end.first + rapid.Uint64Range(0, uint64(len(end.events))).Draw(t, "published") - 1
		}
		var heads [][]index.TermTotal
		for _, part := range parts[inFiles:] {
			heads = append(heads, part.headBlock().TermTotals(last))
		}
		if have, want := collectTotals(t, blocks, heads...), whole.totals(last); !maps.Equal(have, want) {
			t.Fatalf("totals = %v, want %v", have, want)
		}
	})
}

func TestTermTotalsSkipLongLists(t *testing.T) {
	c := spaced(20_000, 1)
	for i := range c.events {
		c.events[i] = append(c.events[i], tag("all"), tag(fmt.Sprint(i)))
	}
	c.sources = map[string]uint64{"s": 1 << 63}
	block := c.flush(t, newBlockDir(t))
	if !maps.Equal(collectTotals(t, []*index.Block{block}), c.totals(1<<40)) {
		t.Error("the totals differ from the contents of the block")
	}
}

func TestTermTotalsOfCorruptBlockReturnError(t *testing.T) {
	s := newBlockDir(t)
	c := spaced(3000, 1)
	for i := range c.events {
		c.events[i] = append(c.events[i], tag(fmt.Sprint(i)))
	}
	block := c.flush(t, s)
	content := s.readFile(t, block.Name)
	content[len(content)-index.PageBytes-100] ^= 1
	s.writeFile(t, block.Name, content)
	corrupt, err := s.open(block.Name)
	must(t, err)
	var failed error
	for _, err := range index.TermTotals([]*index.Block{corrupt}, nil) {
		failed = err
	}
	var corruption *vfs.CorruptionError
	if !errors.As(failed, &corruption) || corruption.File != block.Name {
		t.Errorf("the error is %v", failed)
	}
}
