package index

import (
	"iter"
	"slices"
	"sort"
	"strings"
)

// TermTotal is the sum over several blocks for one term.
type TermTotal struct {
	Term
	// Count is the number of positions; 0 for a source.
	Count uint64
	// Position is the last position of a source; 0 for another term.
	Position uint64
}

// TermTotals iterates over the terms of adjacent blocks, and of the head blocks that
// follow them, given as the results of HeadBlock.TermTotals. Both must be in the order
// of their positions. Each term comes once, in the order of terms. TermTotals reads no
// lists of positions, and needs memory for one window of each block, however many terms
// there are. It ends after the first error.
func TermTotals(blocks []*Block, heads [][]TermTotal) iter.Seq2[TermTotal, error] {
	return func(yield func(TermTotal, error) bool) {
		var cursors []*termCursor
		for _, block := range blocks {
			cursors = append(cursors, &termCursor{file: block.ReadTerms()})
		}
		for _, head := range heads {
			cursors = append(cursors, &termCursor{rest: head})
		}
		for current, err := range mergeTerms(cursors) {
			var total TermTotal
			if err == nil {
				total, err = sum(current)
			}
			if !yield(total, err) || err != nil {
				return
			}
		}
	}
}

// sum returns the total of the term at which all cursors are.
func sum(cursors []*termCursor) (total TermTotal, err error) {
	newest := cursors[len(cursors)-1]
	total.Term = newest.Term
	total.Text = strings.Clone(newest.Text)
	switch {
	case newest.Kind != kindSource:
		for _, c := range cursors {
			total.Count += c.Count
		}
	case newest.file != nil:
		total.Position, err = newest.file.position()
	default:
		total.Position = newest.Position
	}
	return total, err
}

// TermTotals returns the block's terms in their order, each with the number of its
// positions up to last. It may be called while events are added.
func (h *HeadBlock) TermTotals(last uint64) []TermTotal {
	totals := h.countUpTo(last)
	slices.SortFunc(totals, func(a, b TermTotal) int { return compareTerms(a.Term, b.Term) })
	return totals
}

// countUpTo returns the unsorted result of TermTotals. Sorting is left to the caller,
// because events cannot be added while the lock is held.
func (h *HeadBlock) countUpTo(last uint64) []TermTotal {
	h.mu.RLock()
	defer h.mu.RUnlock()
	totals := make([]TermTotal, 0, len(h.entries)+len(h.sources))
	for i := range h.entries {
		n := h.entries[i].upTo(last, h.first)
		if n > 0 {
			totals = append(totals, TermTotal{Term: h.entries[i].Term, Count: n})
		}
	}
	for source, position := range h.sources {
		totals = append(totals, TermTotal{Term: h.hasher.Source(source), Position: position})
	}
	return totals
}

// upTo returns the number of positions up to last.
func (e *entry) upTo(last, first uint64) uint64 {
	if e.more == nil {
		if first+uint64(e.one) > last {
			return 0
		}
		return 1
	}
	return uint64(sort.Search(len(e.more), func(i int) bool { return first+uint64(e.more[i]) > last }))
}
