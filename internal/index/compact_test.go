package index_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/umadb-go/umadb/internal/index"
)

// drawParts draws contents in 2 to 8 adjacent parts, and returns them and the whole.
func drawParts(t *rapid.T) (parts []*contents, whole *contents) {
	whole = &contents{first: 1, sources: map[string]uint64{}}
	for range rapid.IntRange(2, 8).Draw(t, "parts") {
		part := drawContents(t, whole.first+uint64(len(whole.events)))
		if rapid.Bool().Draw(t, "tracking only") {
			part.events = nil
		}
		parts = append(parts, part)
		whole.events = append(whole.events, part.events...)
		maps.Copy(whole.sources, part.sources)
	}
	return parts, whole
}

// flushParts writes blocks of adjacent groups, one group each.
func flushParts(t checker, s *blockDir, parts []*contents) (blocks []*index.Block) {
	t.Helper()
	for i, part := range parts {
		group := uint64(i) + 1
		block, err := s.Flush(part.headBlock(), index.Span{FirstGroup: group, LastGroup: group, Base: 1, Offset: int64(100 * group), Chain: 1000 + group})
		must(t, err)
		blocks = append(blocks, block)
	}
	return blocks
}

func TestCompactedBlockEqualsFlushedBlock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts, whole := drawParts(t)
		s := newBlockDir(t)
		compacted, err := s.Compact(flushParts(t, s, parts))
		must(t, err)
		one, err := newBlockDir(t).Flush(whole.headBlock(), compacted.Span)
		must(t, err)
		if compacted.Span != one.Span || compacted.Terms() != one.Terms() {
			t.Fatalf("compacted %+v with %d terms, want %+v with %d", compacted.Span, compacted.Terms(), one.Span, one.Terms())
		}
		have, want := allTerms(t, compacted), allTerms(t, one)
		if !maps.EqualFunc(have, want, slices.Equal) {
			t.Fatalf("the %d compacted terms differ from the %d flushed terms", len(have), len(want))
		}
		whole.check(t, compacted, tag("absent"))
		checkAllSeeks(t, whole, compacted, 1)
	})
}

func TestCompactCompactedBlocks(t *testing.T) {
	s := newBlockDir(t)
	whole := &contents{first: 1, sources: map[string]uint64{}}
	var blocks []*index.Block
	for group := range uint64(8) {
		part := &contents{first: whole.first + uint64(len(whole.events)), sources: map[string]uint64{"all": group, fmt.Sprint(group): group}}
		for i := range 100 * group {
			part.events = append(part.events, []index.Term{tag("all"), tag(fmt.Sprint(i)), eventType(fmt.Sprint(group))})
		}
		block, err := s.Flush(part.headBlock(), index.Span{FirstGroup: group + 1, LastGroup: group + 1})
		must(t, err)
		if block.Level() != 0 {
			t.Errorf("a flushed block has level %d", block.Level())
		}
		blocks = append(blocks, block)
		whole.events = append(whole.events, part.events...)
		maps.Copy(whole.sources, part.sources)
	}
	for level := uint32(1); len(blocks) > 1; level++ {
		var next []*index.Block
		for pair := range slices.Chunk(blocks, 2) {
			compacted, err := s.Compact(pair)
			must(t, err)
			if compacted.Level() != level {
				t.Errorf("the block has level %d, want %d", compacted.Level(), level)
			}
			next = append(next, compacted)
		}
		blocks = next
	}
	whole.check(t, blocks[0], tag("absent"))
}

func TestCompactedBlockCoversAllBlocks(t *testing.T) {
	s := newBlockDir(t)
	parts := []*contents{spaced(10, 1), {first: 1011}, {first: 1011, events: make([][]index.Term, 5)}}
	compacted, err := s.Compact(flushParts(t, s, parts))
	must(t, err)
	want := index.Span{FirstGroup: 1, LastGroup: 3, First: 1001, Events: 15, Base: 1, Offset: 300, Chain: 1003}
	if compacted.Span != want {
		t.Errorf("span = %+v, want %+v", compacted.Span, want)
	}
	if names := s.fileNames(t); len(names) != 4 || names[1] != compacted.FileName() {
		t.Errorf("the files are %q", names)
	}
}

func TestCompactRejectsBlocksThatAreNotAdjacent(t *testing.T) {
	s := newBlockDir(t)
	blocks := flushParts(t, s, []*contents{spaced(1, 1), spaced(1, 1), spaced(1, 1)})
	for _, wrong := range [][]*index.Block{{blocks[0], blocks[2]}, {blocks[1], blocks[0]}, {blocks[0], blocks[0]}} {
		if _, err := s.Compact(wrong); err == nil {
			t.Errorf("%s and %s were compacted", wrong[0].Name, wrong[1].Name)
		}
	}
	if names := s.fileNames(t); len(names) != 3 {
		t.Errorf("the files are %q", names)
	}
}

func TestCompactManyTerms(t *testing.T) {
	s := newBlockDir(t)
	whole := &contents{first: 1}
	var parts []*contents
	for p := range 3 {
		part := &contents{first: whole.first + uint64(len(whole.events))}
		for i := range 4000 {
			part.events = append(part.events, []index.Term{tag(fmt.Sprint(p*2000 + i)), tag("all")})
		}
		parts, whole.events = append(parts, part), append(whole.events, part.events...)
	}
	compacted, err := s.Compact(flushParts(t, s, parts))
	must(t, err)
	whole.check(t, compacted, tag("8000"), tag("-1"))
}
