package index_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/umadb-go/umadb/internal/index"
	"github.com/umadb-go/umadb/internal/vfs"
)

// scanTerms returns all totals from a term on; nil for the first. It fails unless the terms
// are in order.
func scanTerms(t checker, from *index.Term, blocks []*index.Block, heads ...*index.HeadTerms) (all []index.TermTotal) {
	t.Helper()
	scan, err := index.ScanTerms(blocks, heads, from)
	must(t, err)
	for last := uint64(0); ; {
		total, more, err := scan.Next()
		must(t, err)
		if !more {
			return all
		}
		if total.Text = strings.Clone(total.Text); total.Hash() < last {
			t.Fatalf("%q is out of order", total.Text)
		}
		all, last = append(all, total), total.Hash()
	}
}

// collectTotals returns all totals by term. It fails unless each term comes once.
func collectTotals(t checker, blocks []*index.Block, heads ...*index.HeadTerms) map[index.Term]index.TermTotal {
	t.Helper()
	all := map[index.Term]index.TermTotal{}
	for _, total := range scanTerms(t, nil, blocks, heads...) {
		if _, again := all[total.Term]; again {
			t.Fatalf("%q is repeated", total.Text)
		}
		all[total.Term] = total
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
		var memory []*index.HeadBlock
		for _, part := range parts[inFiles:] {
			memory = append(memory, part.headBlock())
		}
		heads := func(from *index.Term) (all []*index.HeadTerms) {
			for _, head := range memory {
				all = append(all, head.ReadTerms(last, index.TermSelection{From: from}))
			}
			return all
		}
		want := whole.totals(last)
		if have := collectTotals(t, blocks, heads(nil)...); !maps.Equal(have, want) {
			t.Fatalf("totals = %v, want %v", have, want)
		}
		all := scanTerms(t, nil, blocks, heads(nil)...)
		if len(all) == 0 {
			return
		}
		i := rapid.IntRange(0, len(all)-1).Draw(t, "from")
		from := &all[i].Term
		if have := scanTerms(t, from, blocks, heads(from)...); !slices.Equal(have, all[i:]) {
			t.Fatalf("from %q, totals = %v, want %v", from.Text, have, all[i:])
		}
	})
}

func TestSelectedTermTotals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := drawContents(t, 1)
		last := rapid.Uint64Range(0, uint64(len(part.events))).Draw(t, "published")
		selection := index.TermSelection{
			Kind:   rapid.SampledFrom([]index.Kind{index.KindType, index.KindTag}).Draw(t, "kind"),
			Prefix: rapid.SampledFrom([]string{"", "a", "ab", "a l", "x"}).Draw(t, "prefix"),
		}
		want := part.totals(last)
		maps.DeleteFunc(want, func(term index.Term, _ index.TermTotal) bool {
			return term.Kind != selection.Kind || !strings.HasPrefix(term.Text, selection.Prefix)
		})
		if have := collectTotals(t, nil, part.headBlock().ReadTerms(last, selection)); !maps.Equal(have, want) {
			t.Fatalf("totals of %+v = %v, want %v", selection, have, want)
		}
	})
}

func TestCountOfOneTerm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := drawContents(t, 1)
		block := part.flush(t, newBlockDir(t))
		last := rapid.Uint64Range(0, uint64(len(part.events))).Draw(t, "published")
		published := part.totals(last)
		for term := range part.postings() {
			if have, want := part.headBlock().CountUpTo(term, last), published[term].Count; have != want {
				t.Fatalf("%q has %d events up to %d, want %d", term.Text, have, last, want)
			}
			have, err := block.Count(term)
			if want := part.totals(1 << 40)[term].Count; err != nil || have != want {
				t.Fatalf("%q has %d events in the file (%v), want %d", term.Text, have, err, want)
			}
		}
		absent := tag("is absent")
		if have, err := block.Count(absent); have != 0 || err != nil || part.headBlock().CountUpTo(absent, last) != 0 {
			t.Fatalf("an absent tag has %d events (%v)", have, err)
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
	all := scanTerms(t, nil, []*index.Block{block})
	for i := 0; i < len(all); i += len(all) / 7 {
		if have := scanTerms(t, &all[i].Term, []*index.Block{block}); !slices.Equal(have, all[i:]) {
			t.Errorf("from term %d of %d, %d terms follow", i, len(all), len(have))
		}
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
	scan, failed := index.ScanTerms([]*index.Block{corrupt}, nil, nil)
	for more := true; more && failed == nil; {
		_, more, failed = scan.Next()
	}
	var corruption *vfs.CorruptionError
	if !errors.As(failed, &corruption) || corruption.File != block.Name {
		t.Errorf("the error is %v", failed)
	}
}
